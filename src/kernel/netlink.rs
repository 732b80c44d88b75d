//! Reads all addresses and routes of the current network namespace from the kernel.
//!
//! rtnetlink(7) by hand: two requests, two kinds of answer, five attributes. A netlink crate would be the larger
//! part of a program that is audited as root code.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;

use rustix::buffer::spare_capacity;
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
pub(crate) const DATAGRAM_MAX: usize = 32 * 1024;
/// How many pieces are read at most: root in a Pod's network namespace can add any number of routes.
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
    /// A smaller metric is preferred.
    pub metric: u32,
}

/// A netlink socket in the network namespace in which it was opened.
#[derive(Debug)]
pub(crate) struct Netlink {
    socket: OwnedFd,
    piece: Vec<u8>,
}

impl Netlink {
    /// Opens a socket whose answers are read into `piece`.
    pub(crate) fn open(mut piece: Vec<u8>) -> Result<Self, Error> {
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
        piece.clear();
        piece.reserve(DATAGRAM_MAX);
        Ok(Self { socket, piece })
    }

    /// All addresses, in the kernel's order.
    pub(crate) fn addresses(&mut self) -> Result<Vec<InterfaceAddress>, Error> {
        let mut addresses = Vec::new();
        self.dump(RTM_GETADDR, &[0; 8], |kind, body| {
            if kind == RTM_NEWADDR {
                addresses.extend(read_address(body));
            }
        })?;
        Ok(addresses)
    }

    /// The default routes of the main table for one family, in the kernel's order.
    pub(crate) fn default_routes(
        &mut self,
        family: AddressFamily,
    ) -> Result<Vec<DefaultRoute>, Error> {
        let mut routes = Vec::new();
        // struct rtmsg, which starts with the family; families have small numbers.
        let mut body = [0; 12];
        body[0] = family.as_raw() as u8;
        self.dump(RTM_GETROUTE, &body, |kind, body| {
            if kind == RTM_NEWROUTE {
                routes.extend(read_default_route(body));
            }
        })?;
        Ok(routes)
    }

    /// Requests a dump (a `body` of zeros: of everything) and passes each message on.
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
            self.piece.clear();
            recv(
                &self.socket,
                spare_capacity(&mut self.piece),
                RecvFlags::empty(),
            )
            .map_err(|errno| failed("recv", errno.into()))?;
            match read_piece(&self.piece, &mut message) {
                Piece::More => {}
                Piece::Done => return Ok(()),
                Piece::Refused(number) => {
                    return Err(failed("recv", io::Error::from_raw_os_error(number)));
                }
            }
        }
        let limit = (DATAGRAM_MAX * PIECES_MAX) >> 20;
        Err(Error::Refused(format!(
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

/// Passes each message of a piece on; a truncated message ends the piece.
fn read_piece(mut piece: &[u8], message: &mut impl FnMut(u16, &[u8])) -> Piece {
    while let (Some(length), Some(kind)) = (u32_at(piece, 0), u16_at(piece, 4)) {
        let Some(body) = piece.get(16..length as usize) else {
            break;
        };
        match kind {
            NLMSG_DONE => return Piece::Done,
            NLMSG_ERROR => {
                // A negative errno; 0 would be an acknowledgement, which was not requested.
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
    let ipv4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    ipv4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let number = bytes.get(at..)?.first_chunk();
    number.map(|number| u16::from_ne_bytes(*number))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let number = bytes.get(at..)?.first_chunk();
    number.map(|number| u32::from_ne_bytes(*number))
}

#[cfg(all(test, target_endian = "little"))]
mod tests;
