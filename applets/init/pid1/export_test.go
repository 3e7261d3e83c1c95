package pid1

// ErrnoText is for the tests of package pid1_test.
var ErrnoText = errnoText
