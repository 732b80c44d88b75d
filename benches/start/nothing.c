/* A static program that does nothing: what a process costs. */
int main(void) { return 0; }
