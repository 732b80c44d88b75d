/* Resolves each line of stdin as a program does, by its C library; prints the name and its addresses. */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#ifdef __GLIBC__
#include <nss.h>
#endif

int main(void)
{
    static char name[65536], address[NI_MAXHOST];
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found, *next;
#ifdef __GLIBC__
    /* As `getent -s files`. */
    __nss_configure_lookup("hosts", "files");
#endif
    while (fgets(name, sizeof name, stdin)) {
        name[strcspn(name, "\n")] = 0;
        printf("%s", name);
        if (getaddrinfo(name, NULL, &hints, &found) == 0) {
            for (next = found; next; next = next->ai_next)
                if (getnameinfo(next->ai_addr, next->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST) == 0)
                    printf("\t%s", address);
            freeaddrinfo(found);
        }
        putchar('\n');
    }
    return 0;
}
