//! Everything that opens, enters, mounts or drops a privilege. Each file has one effect.

pub(crate) mod attach;
pub(crate) mod container_process;
pub(crate) mod hosts_tmpfs;
pub(crate) mod inode;
pub mod mountinfo;
pub mod netlink;
pub mod pod_network;
pub mod privileges;
pub(crate) mod procfs;
pub(crate) mod rootfs;
pub(crate) mod uts;
