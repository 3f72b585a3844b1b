package passdb

import "testing"

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
