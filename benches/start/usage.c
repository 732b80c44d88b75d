/*
 * usage PROGRAM ARGUMENT...: runs it and prints its largest resident memory in KiB and its page faults.
 * A program of its own, static and small: the kernel counts the parent's memory for a child that
 * starts in it.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	pid_t child = vfork();
	if (child == 0) {
		execv(argv[1], argv + 1);
		_exit(127);
	}
	int status;
	struct rusage usage;
	if (child < 0 || wait4(child, &status, 0, &usage) < 0)
		return 1;
	printf("%ld %ld\n", usage.ru_maxrss, usage.ru_minflt + usage.ru_majflt);
	return status != 0;
}
