package tlswords

import (
	"crypto/tls"
	"slices"
	"strings"
)

// A suite is a cipher suite by the name that OpenSSL gives it.
type suite struct {
	id   uint16
	name string
	bits int
	aead bool
}

// suites are those of TLS 1.2 that a key which only signs can serve, best
// first, and behind them those of TLS 1.3, which nothing chooses between.
var suites = []suite{
	{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ECDHE-ECDSA-AES128-GCM-SHA256", 128, true},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-ECDSA-AES256-GCM-SHA384", 256, true},
	{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-ECDSA-CHACHA20-POLY1305", 256, true},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256", 128, true},
	{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384", 256, true},
	{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305", 256, true},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, "ECDHE-ECDSA-AES128-SHA", 128, false},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, "ECDHE-ECDSA-AES256-SHA", 256, false},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, "ECDHE-RSA-AES128-SHA", 128, false},
	{tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, "ECDHE-RSA-AES256-SHA", 256, false},
	{tls.TLS_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256", 128, true},
	{tls.TLS_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384", 256, true},
	{tls.TLS_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256", 256, true},
}

// Cipher is the name of a suite as logs have it, and its bits.
func Cipher(id uint16) (name string, bits int) {
	for _, s := range suites {
		if s.id == id {
			return s.name, s.bits
		}
	}
	return tls.CipherSuiteName(id), 128
}

// Grades are those that Postfix has, weakest first.
var Grades = []string{"null", "export", "low", "medium", "high"}

// Suites are those of TLS 1.2 that a grade has: medium and high, those that
// encrypt and authenticate in one (AEAD); what is below, also those with CBC.
func Suites(grade string) []uint16 {
	var ids []uint16
	for _, s := range suites {
		if strings.HasPrefix(s.name, "ECDHE") && (s.aead || grade != "medium" && grade != "high") {
			ids = append(ids, s.id)
		}
	}
	return ids
}

// Exclude leaves out the suites that one of the words names: a whole suite, or
// what one consists of, as AES128 or ECDSA. Words for what is not there in any
// case have nothing to leave out.
func Exclude(ids []uint16, words []string) []uint16 {
	return slices.DeleteFunc(ids, func(id uint16) bool {
		name, _ := Cipher(id)
		return slices.ContainsFunc(words, func(w string) bool { return named(name, w) })
	})
}

// named tells whether a word, which may join several by "+", stands for a suite.
func named(suite, word string) bool {
	if strings.EqualFold(suite, word) {
		return true
	}
	for part := range strings.SplitSeq(word, "+") {
		if !slices.ContainsFunc(parts(suite), func(p string) bool { return strings.EqualFold(p, part) }) {
			return false
		}
	}
	return true
}

// parts are the words that OpenSSL's lists have for what a suite consists of.
func parts(suite string) []string {
	p := strings.Split(suite, "-")
	add := func(has string, words ...string) {
		if strings.Contains(suite, has) {
			p = append(p, words...)
		}
	}
	add("ECDHE-", "EECDH", "kEECDH", "kECDHE", "ECDH")
	add("RSA", "aRSA")
	add("ECDSA", "aECDSA")
	add("AES128-GCM", "AESGCM")
	add("AES256-GCM", "AESGCM")
	add("AES", "AES")
	if strings.HasSuffix(suite, "-SHA") {
		p = append(p, "SHA1")
	}
	return p
}

// List reads an OpenSSL cipher list as far as it names suites one by one, as
// people copy them from recommendations. ok is false when it does not: rules
// such as aNULL:-aNULL:HIGH say nothing about a library that has no weak suite.
func List(list string) (ids []uint16, ok bool) {
	for word := range strings.FieldsFuncSeq(list, func(c rune) bool { return c == ':' || c == ',' || c == ' ' || c == ';' }) {
		for _, s := range suites {
			if strings.EqualFold(s.name, word) && !slices.Contains(ids, s.id) {
				ids = append(ids, s.id)
			}
		}
	}
	return ids, len(ids) > 0
}
