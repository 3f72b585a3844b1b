package pamd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A service that PAM would deny everything by is found out.
func TestFindService(t *testing.T) {
	dir := t.TempDir()
	was := services
	services = []string{filepath.Join(dir, "none"), dir}
	t.Cleanup(func() { services = was })
	for name, text := range map[string]string{
		"good":     "#%PAM-1.0\nauth include base # as include gone\n-account substack base\n@include base\nauth required pam_x.so include gone\n",
		"base":     "auth required pam_unix.so\n",
		"absolute": "auth include " + dir + "/base\n",
		"broken":   "auth include nested\n",
		"nested":   "auth\tsubstack\tgone\n",
		"debian":   "@include gone\n",
		"loop":     "auth include loop\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"good": "", "GOOD": "", "absolute": "",
		"gone":   "there is no " + dir + "/none/gone",
		"broken": "there is no " + dir + "/none/gone, which PAM service nested includes, which PAM service broken includes",
		"debian": "there is no " + dir + "/none/gone, which PAM service debian includes",
		"loop":   "PAM service loop: files include each other",
	} {
		err := findService(name)
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}
