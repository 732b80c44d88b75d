/* Puts a seccomp filter before a program: "filter PROGRAM ARGUMENT...". Compiled with -include of a header that
 * defines CALLS, CALL(name) for each call of a list, and what the kernel answers to these and to all others, in the
 * words of seccomp(2): LISTED and OTHERS. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALL(name) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 1), \
	BPF_STMT(BPF_RET | BPF_K, LISTED),

static struct sock_filter rules[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	CALLS
	BPF_STMT(BPF_RET | BPF_K, OTHERS),
};

int main(int argc, char **argv)
{
	struct sock_fprog filter = { sizeof rules / sizeof *rules, rules };

	if (argc < 2 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		return 125;
	execv(argv[1], argv + 1);
	return 126;
}
