//! `oci-hostaliases-agent`: the service of a node. See oci-hostaliases-agent(8).

fn main() {}
