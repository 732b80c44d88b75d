// Resolves each line of stdin by Go's own resolver; prints the name and its addresses.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"strings"
)

func main() {
	names := bufio.NewScanner(os.Stdin)
	for names.Scan() {
		// Nothing found, or not found: no addresses.
		addresses, _ := net.LookupHost(names.Text())
		fmt.Println(strings.Join(append([]string{names.Text()}, addresses...), "\t"))
	}
}
