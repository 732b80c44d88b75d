// A hook in Go that does nothing.
package main

func main() {}
