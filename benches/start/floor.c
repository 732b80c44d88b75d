/*
 * floor ROOTFS: the system calls without which no hook can do the work, with the text already in it.
 * Reads the state, enters the container's namespaces, makes a tmpfs with a file, mounts the file.
 * Checks nothing and decides nothing.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MOVE_EMPTY_PATHS 0x44 /* MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH */
#define NO_SUID_DEV_EXEC 0xe  /* MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC */

static char state[1 << 20];
static const char text[] =
    "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n"
    "10.200.0.5\tbench\n\n# Entries added by HostAliases.\n10.1.2.3\tfoo.remote\n10.1.2.4\tbar.remote\n";

static long done(long result, const char *call)
{
	if (result < 0) {
		perror(call);
		exit(1);
	}
	return result;
}

/* A detached mount can be cloned since Linux 6.15; before, it is attached for a moment. */
static long clone_file(int tmpfs, int rootfs)
{
	long tree = syscall(SYS_open_tree, tmpfs, "hosts", 1 | O_CLOEXEC);
	if (tree >= 0)
		return tree;
	done(syscall(SYS_move_mount, tmpfs, "", rootfs, "", MOVE_EMPTY_PATHS), "move_mount");
	tree = done(syscall(SYS_open_tree, tmpfs, "hosts", 1 | O_CLOEXEC), "open_tree");
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", tmpfs);
	done(umount2(path, MNT_DETACH), "umount2");
	return tree;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	size_t length = 0;
	for (ssize_t n; (n = read(0, state + length, sizeof state - 1 - length)) > 0;)
		length += n;
	const char *pid = strstr(state, "\"pid\":");
	if (!pid)
		return 2;
	int process = done(syscall(SYS_pidfd_open, atoi(pid + 6), 0), "pidfd_open");
	done(setns(process, CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS), "setns");
	int rootfs = done(open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC), "open rootfs");
	int target = done(openat(rootfs, "etc/hosts", O_PATH | O_CLOEXEC), "open etc/hosts");
	int context = done(syscall(SYS_fsopen, "tmpfs", 1), "fsopen");
	done(syscall(SYS_fsconfig, context, 1, "source", "floor", 0), "fsconfig");
	done(syscall(SYS_fsconfig, context, 1, "size", "1048576", 0), "fsconfig");
	done(syscall(SYS_fsconfig, context, 6, NULL, NULL, 0), "fsconfig");
	int tmpfs = done(syscall(SYS_fsmount, context, 1, NO_SUID_DEV_EXEC), "fsmount");
	int file = done(openat(tmpfs, "hosts", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644), "openat");
	done(write(file, text, sizeof text - 1), "write");
	done(fchmod(file, 0644), "fchmod");
	int tree = clone_file(tmpfs, rootfs);
	done(syscall(SYS_move_mount, tree, "", target, "", MOVE_EMPTY_PATHS), "move_mount");
	return 0;
}
