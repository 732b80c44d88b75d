/*
 * steps PROGRAM ARGUMENT...: runs it step by step and prints how many instructions it executed outside of the
 * kernel, and how many of them were cpuid, for which a virtual machine leaves its guest each time. A program with
 * threads is not counted: its threads wait for one another in loops, which take forever step by step.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __x86_64__
#define CPUID 0xa20f /* 0f a2 */

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	pid_t child = fork();
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execv(argv[1], argv + 1);
		_exit(127);
	}
	int status;
	long steps = 0, cpuids = 0, last = 0;
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return 1;
	ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
	while (WIFSTOPPED(status)) {
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_CLONE << 8)) {
			kill(child, SIGKILL);
			puts("- -");
			return 0;
		}
		long here = ptrace(PTRACE_PEEKUSER, child, offsetof(struct user_regs_struct, rip), NULL);
		long word = ptrace(PTRACE_PEEKTEXT, child, here, NULL);
		/* An instruction with a repeat prefix stops after each round. */
		steps += here != last;
		cpuids += here != last && (word & 0xffff) == CPUID;
		last = here;
		int signal = WSTOPSIG(status) == 5 ? 0 : WSTOPSIG(status);
		if (ptrace(PTRACE_SINGLESTEP, child, NULL, signal) < 0 || waitpid(child, &status, 0) < 0)
			return 1;
	}
	printf("%ld %ld\n", steps, cpuids);
	return status != 0;
}
#else
int main(void)
{
	puts("- -");
	return 0;
}
#endif
