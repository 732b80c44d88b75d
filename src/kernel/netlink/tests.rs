//! The reading of recorded messages, whole and cut.

#![allow(clippy::unreachable, clippy::unwrap_used, clippy::indexing_slicing)]

use super::{
    DefaultRoute, InterfaceAddress, Piece, RTM_NEWADDR, RTM_NEWROUTE, read_address,
    read_default_route, read_piece,
};

// What Linux 6.18 answered in a network namespace with these addresses and routes.

/// `inet 10.88.77.5/24 scope global eth0`
const IPV4: &str = "500000001400020000000000033700000218800003000000080001000a584d05080002000a584d0509000300\
    6574683000000000080008008000000014000600ffffffffffffffff7744050077440500";
/// `inet 10.88.77.6/24 scope global secondary eth0`
const SECONDARY: &str = "500000001400020000000000033700000218810003000000080001000a584d06080002000a584d0609000300\
    6574683000000000080008008100000014000600ffffffffffffffff7844050078440500";
/// `inet 192.0.2.1 peer 192.0.2.2/32 scope global ptp0`: the peer's comes first.
const POINT_TO_POINT: &str = "50000000140002000000000003370000022080000500000008000100c000020208000200c000020109000300\
    7074703000000000080008008000000014000600ffffffffffffffff7844050078440500";
/// `inet6 fe80::e460:cdff:fe20:aa18/64 scope link tentative`
const LINK_LOCAL: &str = "500000001400020000000000033700000a40c0fd0300000014000100fe80000000000000e460cdfffe20aa18\
    14000600ffffffffffffffff764405007644050008000800c000000005000b0003000000";
/// `inet6 fd77::6/64 scope global nodad deprecated`
const DEPRECATED: &str = "480000001400020000000000033700000a40a2000300000014000100fd770000000000000000000000000006\
    1400060000000000ffffffff784405007844050008000800a2000000";
/// `inet6 fd77::5/64 scope global nodad`
const IPV6: &str = "480000001400020000000000033700000a4082000300000014000100fd770000000000000000000000000005\
    14000600ffffffffffffffff78440500784405000800080082000000";

/// `default via 10.88.77.1 dev eth0 metric 100`
const DEFAULT: &str = "3c00000018000200000000000337000002000000fe0300010000000008000f00fe0000000800060064000000\
    080005000a584d010800040003000000";
/// `default metric 200`, `nexthop via 10.88.77.1 dev eth0`, `nexthop via 192.0.2.2 dev ptp0`
const MULTIPATH: &str = "5000000018000200000000000337000002000000fe0300010000000008000f00fe00000008000600c8000000\
    240009001000000003000000080005000a584d01100000000500000008000500c0000202";
/// `default via fd77::1 dev eth0 metric 1024`
const DEFAULT6: &str = "740000001800020000000000033700000a000000fe0300010000000008000f00fe0000000800060000040000\
    14000500fd770000000000000000000000000001080004000300000024000c00000000000000000000000000\
    00000000000000000000000000000000000000000500140000000000";

/// The end of a dump.
const DONE: &str = "1400000003000200000000000337000000000000";
/// `EOPNOTSUPP`; not recorded.
const REFUSED: &str = "24000000020000000000000003370000a1ffffff14000000160001030000000000000000";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The body of the one message in `hex`.
fn body(hex: &str, expected: u16) -> Vec<u8> {
    let mut bodies = Vec::new();
    let end = read_piece(&bytes(hex), &mut |kind, body| {
        bodies.push((kind, body.to_vec()))
    });
    assert_eq!(end, Piece::More);
    assert_eq!(bodies.len(), 1);
    assert_eq!(bodies[0].0, expected);
    bodies.remove(0).1
}

#[test]
fn addresses_as_the_kernel_tells_them() {
    for (message, interface, address, scope, flags) in [
        (IPV4, 3, "10.88.77.5", 0, 0x80),
        (SECONDARY, 3, "10.88.77.6", 0, 0x81),
        (POINT_TO_POINT, 5, "192.0.2.1", 0, 0x80),
        (LINK_LOCAL, 3, "fe80::e460:cdff:fe20:aa18", 253, 0xc0),
        (DEPRECATED, 3, "fd77::6", 0, 0xa2),
        (IPV6, 3, "fd77::5", 0, 0x82),
    ] {
        assert_eq!(
            read_address(&body(message, RTM_NEWADDR)),
            Some(InterfaceAddress {
                interface,
                address: address.parse().unwrap(),
                scope,
                flags,
            })
        );
    }
}

#[test]
fn default_routes_as_the_kernel_tells_them() {
    let route = |is_ipv6, interface, metric| {
        Some(DefaultRoute {
            is_ipv6,
            interface,
            metric,
        })
    };
    for (message, expected) in [
        (DEFAULT, route(false, 3, 100)),
        (MULTIPATH, route(false, 3, 200)),
        (DEFAULT6, route(true, 3, 1024)),
        // default via 10.88.77.1 dev eth0 table 7
        (
            "3400000018000200000000000337000002000000070300010000000008000f0007000000080005000a584d01\
             0800040003000000",
            None,
        ),
        // blackhole default metric 300
        (
            "2c00000018000200000000000337000002000000fe0300060000000008000f00fe000000080006002c010000",
            None,
        ),
        // 10.9.0.0/16 via 10.88.77.1 dev eth0
        (
            "3c00000018000200000000000337000002100000fe0300010000000008000f00fe000000080001000a090000\
             080005000a584d010800040003000000",
            None,
        ),
        // fd77::/64 dev eth0 proto kernel metric 256
        (
            "740000001800020000000000033700000a400000fe0200010000000008000f00fe00000014000100fd770000\
             0000000000000000000000000800060000010000080004000300000024000c00000000000000000000000000\
             00000000000000000000000000000000000000000500140000000000",
            None,
        ),
    ] {
        assert_eq!(read_default_route(&body(message, RTM_NEWROUTE)), expected);
    }
}

#[test]
fn a_piece_ends_where_the_dump_does() {
    let whole = bytes(&[IPV4, IPV6, DONE, SECONDARY].concat());
    let mut seen = 0;
    assert_eq!(read_piece(&whole, &mut |_, _| seen += 1), Piece::Done);
    assert_eq!(seen, 2);
    assert_eq!(
        read_piece(&bytes(REFUSED), &mut |_, _| unreachable!()),
        Piece::Refused(95)
    );
    assert_eq!(read_piece(&[], &mut |_, _| unreachable!()), Piece::More);
}

#[test]
fn what_is_cut_short_or_lies_about_its_length_is_left_out() {
    for message in [
        IPV4,
        SECONDARY,
        POINT_TO_POINT,
        LINK_LOCAL,
        DEPRECATED,
        IPV6,
        DEFAULT,
        MULTIPATH,
        DEFAULT6,
        DONE,
        REFUSED,
    ] {
        let whole = bytes(message);
        let read_all = |piece: &[u8]| {
            let mut seen = 0;
            read_piece(piece, &mut |_, body| {
                seen += 1;
                // Whatever the kind, both must cope with it.
                read_address(body);
                read_default_route(body);
            });
            seen
        };
        for length in 0..whole.len() {
            assert_eq!(read_all(&whole[..length]), 0, "{length} of {message}");
            read_address(&whole[..length]);
            read_default_route(&whole[..length]);
        }
        // Each two bytes may be a length.
        for at in 0..whole.len() - 1 {
            for lie in [0_u16, 1, 3, 4, 5, 15, 16, 17, 0x7fff, 0xffff] {
                let mut piece = whole.clone();
                piece[at..at + 2].copy_from_slice(&lie.to_ne_bytes());
                read_all(&piece);
            }
        }
    }
}
