//! Asking the kernel for all addresses and routes of the network namespace we are in.
//!
//! rtnetlink(7) by hand: two requests, two kinds of answer, five attributes. The crates that speak
//! all of netlink would be the larger part of a program that is audited as root code.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

use crate::error::Error;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_GETADDR: u16 = 22;
const RTM_GETROUTE: u16 = 26;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
const NLM_F_REQUEST_DUMP: u16 = 0x1 | 0x300;

const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_FLAGS: u16 = 8;
const RTA_OIF: u16 = 4;
const RTA_PRIORITY: u16 = 6;
const RTA_MULTIPATH: u16 = 9;

const RT_TABLE_MAIN: u8 = 254;
const RTN_UNICAST: u8 = 1;

/// The kernel's answers come in pieces of this size at most (`NLMSG_GOODSIZE` and larger).
const PIECE: usize = 32 * 1024;
/// How many pieces are read at most: whoever is root in a Pod's network namespace chooses how many
/// routes there are.
const PIECES_MAX: usize = 1024;

/// An address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceAddress {
    /// The interface's index.
    pub interface: u32,
    /// The address.
    pub address: IpAddr,
    /// `RT_SCOPE_UNIVERSE` is 0; larger is narrower (rtnetlink(7)).
    pub scope: u8,
    /// `IFA_F_*` of `linux/if_addr.h`.
    pub flags: u32,
}

/// A default route of the main table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultRoute {
    /// Whether it is IPv6's.
    pub is_ipv6: bool,
    /// The index of the interface that it leads through, the first one of a multipath route.
    pub interface: u32,
    /// The smaller, the better.
    pub metric: u32,
}

/// A socket to the kernel in the network namespace in which it was opened.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    piece: Vec<u8>,
}

impl Netlink {
    /// Opens a socket.
    ///
    /// # Errors
    ///
    /// The kernel refuses.
    pub fn open() -> Result<Self, Error> {
        // No protocol is protocol 0, NETLINK_ROUTE.
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(|errno| {
            Error::call(
                "socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE)",
                errno,
            )
        })?;
        Ok(Self {
            socket,
            piece: vec![0; PIECE],
        })
    }

    /// All addresses, in the kernel's order.
    ///
    /// # Errors
    ///
    /// A socket call fails.
    pub fn addresses(&mut self) -> Result<Vec<InterfaceAddress>, Error> {
        let mut addresses = Vec::new();
        self.dump(RTM_GETADDR, &[0; 8], |kind, body| {
            if kind == RTM_NEWADDR {
                addresses.extend(read_address(body));
            }
        })?;
        Ok(addresses)
    }

    /// The default routes of the main table, in the kernel's order.
    ///
    /// # Errors
    ///
    /// A socket call fails.
    pub fn default_routes(&mut self) -> Result<Vec<DefaultRoute>, Error> {
        let mut routes = Vec::new();
        self.dump(RTM_GETROUTE, &[0; 12], |kind, body| {
            if kind == RTM_NEWROUTE {
                routes.extend(read_default_route(body));
            }
        })?;
        Ok(routes)
    }

    /// Asks for a dump (`body` of zeros: of everything) and hands each message on.
    fn dump(
        &mut self,
        request: u16,
        body: &[u8],
        mut message: impl FnMut(u16, &[u8]),
    ) -> Result<(), Error> {
        let length = (16 + body.len()) as u32;
        let mut header = Vec::with_capacity(16 + body.len());
        header.extend_from_slice(&length.to_ne_bytes());
        header.extend_from_slice(&request.to_ne_bytes());
        header.extend_from_slice(&NLM_F_REQUEST_DUMP.to_ne_bytes());
        header.extend_from_slice(&[0; 8]);
        header.extend_from_slice(body);
        let failed = |call: &str, source: io::Error| {
            Error::call(format!("{call}(<netlink>, {request})"), source)
        };
        send(&self.socket, &header, SendFlags::empty())
            .map_err(|errno| failed("send", errno.into()))?;
        for _ in 0..PIECES_MAX {
            let (_, length) = recv(&self.socket, self.piece.as_mut_slice(), RecvFlags::empty())
                .map_err(|errno| failed("recv", errno.into()))?;
            match read_piece(self.piece.get(..length).unwrap_or_default(), &mut message) {
                Piece::More => {}
                Piece::Done => return Ok(()),
                Piece::Refused(number) => {
                    return Err(failed("recv", io::Error::from_raw_os_error(number)));
                }
            }
        }
        let limit = (PIECE * PIECES_MAX) >> 20;
        Err(Error::Unsafe(format!(
            "the container's network namespace has more than {limit} MiB of routes"
        )))
    }
}

/// What a piece of the answer says about the rest.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    More,
    Done,
    Refused(i32),
}

/// Hands each message of a piece on; one that is cut short ends the piece.
fn read_piece(mut piece: &[u8], message: &mut impl FnMut(u16, &[u8])) -> Piece {
    while let (Some(length), Some(kind)) = (u32_at(piece, 0), u16_at(piece, 4)) {
        let Some(body) = piece.get(16..length as usize) else {
            break;
        };
        match kind {
            NLMSG_DONE => return Piece::Done,
            NLMSG_ERROR => {
                // A negative errno; 0 would be an acknowledgement that nobody asked for.
                let number = u32_at(body, 0).map_or(0, |errno| (errno as i32).wrapping_neg());
                return Piece::Refused(number);
            }
            kind => message(kind, body),
        }
        piece = piece.get(aligned(length as usize)..).unwrap_or_default();
    }
    Piece::More
}

/// `struct ifaddrmsg` and its attributes.
fn read_address(body: &[u8]) -> Option<InterfaceAddress> {
    let (flags, scope, interface) = (*body.get(2)?, *body.get(3)?, u32_at(body, 4)?);
    let mut found = InterfaceAddress {
        interface,
        address: Ipv4Addr::UNSPECIFIED.into(),
        scope,
        flags: flags.into(),
    };
    let (mut local, mut address) = (None, None);
    for (kind, value) in attributes(body.get(8..)?) {
        match kind {
            // On a point-to-point interface IFA_ADDRESS is the peer's.
            IFA_LOCAL => local = ip_address(value),
            IFA_ADDRESS => address = ip_address(value),
            IFA_FLAGS => found.flags = u32_at(value, 0)?,
            _ => {}
        }
    }
    found.address = local.or(address)?;
    Some(found)
}

/// `struct rtmsg` and its attributes; nothing for what is not a default route of the main table.
fn read_default_route(body: &[u8]) -> Option<DefaultRoute> {
    let (family, destination_bits, table, kind) =
        (*body.first()?, *body.get(1)?, *body.get(4)?, *body.get(7)?);
    let is_ipv6 = match AddressFamily::from_raw(family.into()) {
        AddressFamily::INET => false,
        AddressFamily::INET6 => true,
        _ => return None,
    };
    if (destination_bits, table, kind) != (0, RT_TABLE_MAIN, RTN_UNICAST) {
        return None;
    }
    let (mut interface, mut metric) = (None, 0);
    for (kind, value) in attributes(body.get(12..)?) {
        match kind {
            RTA_OIF => interface = u32_at(value, 0),
            RTA_PRIORITY => metric = u32_at(value, 0)?,
            // struct rtnexthop: length, flags, hops, interface
            RTA_MULTIPATH => interface = interface.or(u32_at(value, 4)),
            _ => {}
        }
    }
    Some(DefaultRoute {
        is_ipv6,
        interface: interface?,
        metric,
    })
}

/// The attributes (`struct rtattr`) in `bytes`.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (length, kind) = (usize::from(u16_at(bytes, 0)?), u16_at(bytes, 2)?);
        let value = bytes.get(4..length)?;
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// Messages and attributes start at multiples of four.
fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn ip_address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes)
            .ok()
            .map(|octets| Ipv4Addr::from(octets).into()),
        16 => <[u8; 16]>::try_from(bytes)
            .ok()
            .map(|octets| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..at + 2)?
        .try_into()
        .ok()
        .map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at + 4)?
        .try_into()
        .ok()
        .map(u32::from_ne_bytes)
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

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
    const REFUSED: &str =
        "24000000020000000000000003370000a1ffffff14000000160001030000000000000000";

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
}
