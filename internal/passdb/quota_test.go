package passdb

import (
	"strings"
	"testing"
)

func TestQuotaRules(t *testing.T) {
	t.Parallel()
	for fields, want := range map[string]string{
		"":                              "",
		"userdb_quota_rule=*:storage=1": "*:storage=1",
		"userdb_quota_rule=*:storage=1 userdb_quota_rule2=Trash:ignore userdb_quota_rule4=A:ignore": "*:storage=1\nTrash:ignore\nA:ignore",
		"userdb_quota_storage_size=1G":                                              "*:bytes=1G",
		"userdb_quota_storage_size=1G userdb_quota_message_count=5":                 "*:bytes=1G:messages=5",
		"userdb_quota_message_count=unlimited":                                      "*:messages=0",
		"userdb_quota_rule=*:storage=1 nologin userdb_quota_rule=*:storage=2":       "*:storage=2",
		"userdb_quota_rule2=Trash:ignore userdb_quota_storage_size=1G userdb_uid=5": "Trash:ignore\n*:bytes=1G",
	} {
		e, err := ParseEntry("ann@example.org:::::::" + fields)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Person().Quota; got != want {
			t.Errorf("%s: got %q, want %q", fields, got, want)
		}
		e.SetQuota([]string{"*:bytes=7", "B:ignore"})
		if got := e.Person(); got.Quota != "*:bytes=7\nB:ignore" {
			t.Errorf("%s: set, got %q", fields, got.Quota)
		}
		e.SetQuota(nil)
		if got := e.Person(); got.Quota != "" {
			t.Errorf("%s: taken away, got %q", fields, got.Quota)
		}
	}
}

// A rule that cannot be read is named with its line.
func TestWrongQuota(t *testing.T) {
	t.Parallel()
	said := ""
	_, err := parseEntries([]byte("ann@x.test:::::::userdb_quota_rule=*:storage=1G\nben@x.test:::::::userdb_quota_rule=1G\n"),
		func(line int, what string) { said += string(rune('0'+line)) + " " + what + "\n" })
	if err != nil || !strings.HasPrefix(said, `2 the account's quota rule "1G": `) || strings.Count(said, "\n") != 1 {
		t.Errorf("got %q, %v", said, err)
	}
}
