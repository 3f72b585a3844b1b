// Package tlswords knows what the words of main.cf about TLS mean in package
// crypto/tls: protocol versions, grades and names of cipher suites, digests of
// fingerprints, and the policy of the system (crypto-policies of RHEL).
//
// It reads one file, that policy, and opens no connection.
package tlswords
