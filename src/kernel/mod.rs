//! Everything that opens, enters, mounts or drops a privilege: the effects, one thing a file.

pub mod attach;
pub mod container_process;
pub mod hosts_tmpfs;
pub mod inode;
pub mod mountinfo;
pub mod netlink;
pub mod pod_network;
pub mod privileges;
pub mod procfs;
pub mod rootfs;
pub mod uts;
