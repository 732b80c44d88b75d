/* A FUSE file system with one file, hosts. After SIGUSR1 it takes requests and answers none. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static volatile sig_atomic_t stuck;
static char request[1 << 17];

static void be_stuck(int signal)
{
	(void)signal;
	stuck = 1;
}

static void answer(int fd, unsigned long long unique, int error, void *body, size_t length)
{
	struct fuse_out_header head = { sizeof head + length, error, unique };
	struct iovec parts[2] = { { &head, sizeof head }, { body, length } };
	if (!stuck)
		(void)!writev(fd, parts, length ? 2 : 1);
}

static struct fuse_attr attributes(unsigned long long node)
{
	struct fuse_attr attr = { .ino = node, .nlink = 1, .blksize = 4096 };
	attr.mode = node == 1 ? S_IFDIR | 0755 : S_IFREG | 0644;
	return attr;
}

int main(int argc, char **argv)
{
	char options[100];
	int fd = open("/dev/fuse", O_RDWR);
	snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd);
	if (argc != 2 || fd < 0 || mount("stuck", argv[1], "fuse", 0, options))
		return 1;
	signal(SIGUSR1, be_stuck);
	puts("ready");
	fflush(stdout);
	for (;;) {
		ssize_t length = read(fd, request, sizeof request);
		struct fuse_in_header *in = (void *)request;
		if (length < 0 && errno == ENODEV)
			return 0;
		if (length < (ssize_t)sizeof *in)
			continue;
		switch (in->opcode) {
		case FUSE_INIT: {
			struct fuse_init_out out = { .major = 7, .minor = 31, .max_write = 65536 };
			answer(fd, in->unique, 0, &out, sizeof out);
			break;
		}
		case FUSE_LOOKUP: {
			/* Valid for no time: it is asked again whenever the kernel passes here. */
			struct fuse_entry_out out = { .nodeid = 2, .attr = attributes(2) };
			if (strcmp((char *)(in + 1), "hosts"))
				answer(fd, in->unique, -ENOENT, 0, 0);
			else
				answer(fd, in->unique, 0, &out, sizeof out);
			break;
		}
		case FUSE_GETATTR: {
			struct fuse_attr_out out = { .attr = attributes(in->nodeid) };
			answer(fd, in->unique, 0, &out, sizeof out);
			break;
		}
		case FUSE_OPEN:
		case FUSE_OPENDIR: {
			struct fuse_open_out out = { 0 };
			answer(fd, in->unique, 0, &out, sizeof out);
			break;
		}
		case FUSE_STATFS: {
			struct fuse_statfs_out out = { 0 };
			answer(fd, in->unique, 0, &out, sizeof out);
			break;
		}
		case FUSE_FORGET:
		case FUSE_BATCH_FORGET:
		case FUSE_INTERRUPT:
			break;
		case FUSE_READ:
		case FUSE_READDIR:
		case FUSE_FLUSH:
		case FUSE_RELEASE:
		case FUSE_RELEASEDIR:
			answer(fd, in->unique, 0, 0, 0);
			break;
		default:
			answer(fd, in->unique, -ENOSYS, 0, 0);
		}
	}
}
