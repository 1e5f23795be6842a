package processtest

// Reserve is reserve for tests, with locks in a directory of their own.
var Reserve = reserve
