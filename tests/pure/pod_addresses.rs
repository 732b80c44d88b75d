//! Which of a network namespace's addresses are the Pod's.

use oci_hostaliases::kernel::netlink::{DefaultRoute, InterfaceAddress};
use oci_hostaliases::kernel::pod_network::choose;

const GLOBAL: u8 = 0;
const SITE: u8 = 200;
const LINK: u8 = 253;
const HOST: u8 = 254;

const PERMANENT: u32 = 0x80;
/// `IFA_F_SECONDARY` of IPv4, `IFA_F_TEMPORARY` of IPv6: the same bit.
const SECONDARY: u32 = 0x01;
const TEMPORARY: u32 = 0x01;
const DEPRECATED: u32 = 0x20;

fn route4(interface: u32, metric: u32) -> DefaultRoute {
    DefaultRoute {
        is_ipv6: false,
        interface,
        metric,
    }
}

fn route6(interface: u32, metric: u32) -> DefaultRoute {
    DefaultRoute {
        is_ipv6: true,
        interface,
        metric,
    }
}

fn on(interface: u32, address: &str, scope: u8, flags: u32) -> InterfaceAddress {
    InterfaceAddress {
        interface,
        address: address.parse().unwrap(),
        scope,
        flags,
    }
}

/// What every network namespace has.
fn lo() -> [InterfaceAddress; 2] {
    [
        on(1, "127.0.0.1", HOST, PERMANENT),
        on(1, "::1", HOST, PERMANENT),
    ]
}

#[track_caller]
fn assert_chosen(routes: &[DefaultRoute], addresses: &[InterfaceAddress], expected: &[&str]) {
    let all = [&lo()[..], addresses].concat();
    assert_eq!(choose(routes, &all), expected);
}

#[test]
fn the_default_routes_interface_has_the_pods_addresses() {
    let eth0 = [
        on(3, "10.88.77.5", GLOBAL, PERMANENT),
        on(3, "fd77::5", GLOBAL, PERMANENT),
        on(3, "fe80::1", LINK, PERMANENT),
    ];
    assert_chosen(
        &[route4(3, 0), route6(3, 1024)],
        &eth0,
        &["10.88.77.5", "fd77::5"],
    );
    // A second network (Multus) comes in another interface, whatever its number.
    let others = [
        on(2, "192.168.1.5", GLOBAL, PERMANENT),
        on(4, "192.168.2.5", GLOBAL, PERMANENT),
        on(2, "fd01::5", GLOBAL, PERMANENT),
    ];
    assert_chosen(
        &[route4(3, 0), route6(3, 1024)],
        &[&others[..], &eth0].concat(),
        &["10.88.77.5", "fd77::5"],
    );
}

#[test]
fn ipv4_comes_before_ipv6_whatever_the_kernels_order() {
    let addresses = [
        on(3, "fd77::5", GLOBAL, PERMANENT),
        on(3, "10.88.77.5", GLOBAL, PERMANENT),
    ];
    assert_chosen(
        &[route6(3, 1024), route4(3, 0)],
        &addresses,
        &["10.88.77.5", "fd77::5"],
    );
}

#[test]
fn the_first_of_each_family_in_the_kernels_order() {
    assert_chosen(
        &[route4(3, 0), route6(3, 1024)],
        &[
            on(3, "10.88.77.9", GLOBAL, PERMANENT),
            on(3, "10.88.77.5", GLOBAL, PERMANENT),
            on(3, "fd77::9", GLOBAL, PERMANENT),
            on(3, "fd77::5", GLOBAL, PERMANENT),
        ],
        &["10.88.77.9", "fd77::9"],
    );
}

#[test]
fn the_smallest_metric_is_the_best_route() {
    let addresses = [
        on(2, "10.0.0.2", GLOBAL, PERMANENT),
        on(3, "10.0.0.3", GLOBAL, PERMANENT),
        on(4, "10.0.0.4", GLOBAL, PERMANENT),
        on(2, "fd77::2", GLOBAL, PERMANENT),
        on(4, "fd77::4", GLOBAL, PERMANENT),
    ];
    let routes = [route4(2, 200), route4(3, 100), route4(4, 4_294_967_295)];
    assert_chosen(&routes, &addresses, &["10.0.0.3"]);
    // Each family uses its own route.
    let routes = [
        route4(2, 200),
        route6(4, 100),
        route4(3, 100),
        route6(2, 101),
    ];
    assert_chosen(&routes, &addresses, &["10.0.0.3", "fd77::4"]);
    // Of equal ones the kernel's first.
    assert_chosen(
        &[route4(4, 0), route4(2, 0)],
        &addresses,
        &["10.0.0.4", "fd77::4"],
    );
}

#[test]
fn a_family_without_a_default_route_goes_by_the_others() {
    let addresses = [
        on(2, "192.168.1.5", GLOBAL, PERMANENT),
        on(2, "fd01::5", GLOBAL, PERMANENT),
        on(3, "10.88.77.5", GLOBAL, PERMANENT),
        on(3, "fd77::5", GLOBAL, PERMANENT),
    ];
    assert_chosen(&[route4(3, 0)], &addresses, &["10.88.77.5", "fd77::5"]);
    assert_chosen(&[route6(3, 1024)], &addresses, &["10.88.77.5", "fd77::5"]);
}

#[test]
fn one_family_alone() {
    assert_chosen(
        &[route4(3, 0)],
        &[
            on(3, "10.88.77.5", GLOBAL, PERMANENT),
            on(3, "fe80::1", LINK, PERMANENT),
        ],
        &["10.88.77.5"],
    );
    assert_chosen(
        &[route6(3, 1024)],
        &[on(3, "fd77::5", GLOBAL, PERMANENT)],
        &["fd77::5"],
    );
}

#[test]
fn no_default_route_no_address() {
    assert_chosen(&[], &[on(3, "10.88.77.5", GLOBAL, PERMANENT)], &[]);
    assert_chosen(&[], &[], &[]);
    assert_chosen(&[route4(3, 0), route6(3, 1024)], &[], &[]);
}

#[test]
fn only_addresses_of_global_scope_that_are_to_be_used() {
    let routes = [route4(3, 0), route6(3, 1024)];
    for unwanted in [
        on(3, "169.254.1.1", LINK, PERMANENT),
        on(3, "10.88.77.6", HOST, PERMANENT),
        on(3, "10.88.77.6", GLOBAL, PERMANENT | DEPRECATED),
        on(3, "fe80::1", LINK, PERMANENT),
        on(3, "fec0::1", SITE, PERMANENT),
        on(3, "fd77::6", GLOBAL, PERMANENT | DEPRECATED),
        on(3, "fd77::6", GLOBAL, TEMPORARY),
        on(3, "fd77::6", GLOBAL, TEMPORARY | DEPRECATED),
    ] {
        assert_chosen(&routes, &[unwanted], &[]);
        assert_chosen(
            &routes,
            &[
                unwanted,
                on(3, "10.88.77.5", GLOBAL, PERMANENT),
                on(3, "fd77::5", GLOBAL, PERMANENT),
            ],
            &["10.88.77.5", "fd77::5"],
        );
    }
}

#[test]
fn a_secondary_ipv4_address_is_an_address() {
    assert_chosen(
        &[route4(3, 0)],
        &[on(3, "10.88.77.6", GLOBAL, PERMANENT | SECONDARY)],
        &["10.88.77.6"],
    );
}

#[test]
fn addresses_are_written_in_their_shortest_form() {
    assert_chosen(
        &[route6(3, 1024)],
        &[on(3, "FD77:0:0:0::00A5", GLOBAL, PERMANENT)],
        &["fd77::a5"],
    );
}
