package authd

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"yubin/internal/config"
	"yubin/internal/maillog"
	"yubin/internal/smtp"
	"yubin/internal/table"
	"yubin/internal/tlswords"
)

const (
	lookEvery = time.Second     // how often the attributes of files are asked for
	retire    = 2 * time.Minute // how long a key signs whose certificate was replaced: handshakes are under way
	warnDays  = 14              // before a certificate ends
	// mostPairs is how many pairs are remembered, those beyond it only that have
	// certificates: strangers choose the names that a table makes files of.
	mostPairs = 1024
)

// A keyring has the certificates and keys of every set.
type keyring struct {
	log  *maillog.Logger
	now  func() time.Time
	sets map[string][]source
	sni  *table.Maps
	name string // tls_server_sni_maps

	mu       sync.Mutex       // guards what follows, and reading files
	pairs    map[string]*pair // by their files
	revision uint64           // changes when any chain does
}

// A source is a group of files that hold chains together.
type source struct {
	files []string
	self  *selfSigned // makes them when they are missing; nil: nobody does
	acme  bool        // they come when an authority gives them: the next source serves meanwhile
	spare bool        // it serves while what is configured is not there
}

// A pair is what was read from a source.
type pair struct {
	source
	looked   time.Time
	stamps   []stamp // of the files, as they were looked at last
	failed   []stamp // as they were when reading failed; nil: it did not
	err      error   // why, while nothing could be read yet
	told     bool    // the log has it
	chains   []*chain
	retired  []*chain
	until    time.Time // that those sign
	warnedAt time.Time // of a certificate's end
}

// A stamp is what changes when a file's content does.
type stamp struct {
	ino, dev     uint64
	size         int64
	mtime, ctime syscall.Timespec
	missing      bool
}

func newKeyring(c *config.Config, log *maillog.Logger, acme *subscriber) (*keyring, error) {
	k := &keyring{
		log: log, now: time.Now, sets: map[string][]source{}, name: config.TLSServerSNIMaps.Name, pairs: map[string]*pair{},
		// Another generation of authd counts from elsewhere.
		revision: uint64(time.Now().UnixNano()) >> 12,
	}
	var err error
	if k.sni, err = table.OpenMaps(config.TLSServerSNIMaps.Of(c), table.Report(func(p config.Problem) { log.Warn("%v", p) })); err != nil {
		return nil, c.Fault(config.TLSServerSNIMaps.Def, err.Error())
	}
	for _, set := range config.ClientKeys {
		k.sets[set.Set] = sources(c, set)
	}
	self := newSelfSigned(c, log)
	for _, set := range config.ServerKeys {
		all := sources(c, set)
		configured := len(all) > 0
		if !configured && acme != nil {
			all = append(all, source{files: []string{acme.file()}, acme: true})
		}
		if self != nil {
			all = append(all, source{files: self.files(), self: self, spare: configured})
		}
		k.sets[set.Set] = all
	}
	return k, nil
}

// sources are the files of a set.
func sources(c *config.Config, set config.KeySet) []source {
	if chains := set.Chains.Of(c); len(chains) > 0 {
		return []source{{files: chains}}
	}
	var all []source
	add := func(cert, key config.String) {
		if cert.Def == nil || cert.Of(c) == "" {
			return
		}
		files := []string{cert.Of(c)}
		if k := key.Of(c); k != "" && k != files[0] {
			files = append(files, k)
		}
		all = append(all, source{files: files})
	}
	add(set.ECCert, set.ECKey)
	add(set.Cert, set.Key)
	return all
}

// checkPairs reads each certificate with its key. What is not there, or not the
// caller's to read, is not its business.
func checkPairs(c *config.Config) error {
	var wrong []error
	for _, set := range slices.Concat(config.ServerKeys, config.ClientKeys) {
		for _, s := range sources(c, set) {
			_, err := readPEM(s.files)
			if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
				continue
			}
			d := set.Chains.Def
			for _, cert := range []config.String{set.Cert, set.ECCert} {
				if cert.Def != nil && cert.Of(c) == s.files[0] {
					d = cert.Def
				}
			}
			wrong = append(wrong, c.Fault(d, err.Error()+": there is no TLS with it"))
		}
	}
	return errors.Join(wrong...)
}

// get returns the chains of a set for a server name. There is an error when
// there are none but should be.
func (k *keyring) get(set, name string) (chains []*chain, revision uint64, err error) {
	group, err := k.sourcesOf(set, name)
	if err != nil {
		return nil, 0, err
	}
	return k.getFrom(set, group)
}

func (k *keyring) getFrom(set string, group []source) (chains []*chain, revision uint64, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range k.pairsOf(group) {
		if p.spare && (len(chains) > 0 || !errors.Is(err, fs.ErrNotExist)) {
			continue
		}
		k.refresh(p)
		chains = append(chains, p.chains...)
		if p.err != nil && (err == nil || errors.Is(err, fs.ErrNotExist)) {
			err = p.err
		}
		if p.acme && len(p.chains) > 0 {
			break
		}
	}
	if len(chains) == 0 && err == nil && isServer(set) {
		err = errors.New("no certificate is configured: set tls_cert_file")
	}
	if len(chains) > 0 {
		err = nil
	}
	return chains, k.revision, err
}

func isServer(set string) bool {
	return slices.ContainsFunc(config.ServerKeys, func(k config.KeySet) bool { return k.Set == set })
}

// sourcesOf finds the sources for a server name: those of tls_server_sni_maps, else
// those of the set. A table may take its time: k.mu is not held.
func (k *keyring) sourcesOf(set, name string) ([]source, error) {
	group, ok := k.sets[set]
	if !ok {
		return nil, fmt.Errorf("no set of keys %q", maillog.Clean(set))
	}
	if name != "" && isServer(set) {
		files, err := k.filesFor(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		if len(files) > 0 {
			return []source{{files: files}}, nil
		}
	}
	return group, nil
}

// pairsOf finds the pairs of sources; k.mu is held.
func (k *keyring) pairsOf(group []source) []*pair {
	var pairs []*pair
	for _, s := range group {
		id := strings.Join(s.files, "\x00")
		if s.spare {
			id += "\x00"
		}
		if k.pairs[id] == nil {
			if len(k.pairs) >= mostPairs {
				maps.DeleteFunc(k.pairs, func(_ string, p *pair) bool { return p.chains == nil })
			}
			k.pairs[id] = &pair{source: s}
		}
		pairs = append(pairs, k.pairs[id])
	}
	return pairs
}

// filesFor looks a server name up, then its parent domains. What is no name is
// not looked up: a pattern would make files of it.
func (k *keyring) filesFor(name string) ([]string, error) {
	if k.sni.Empty() || !smtp.ValidDomain(name) {
		return nil, nil
	}
	for key := strings.ToLower(name); key != ""; {
		value, found, err := k.sni.Lookup(key)
		if err != nil {
			return nil, err
		}
		if found {
			return strings.FieldsFunc(value, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' }), nil
		}
		_, parent, ok := strings.Cut(strings.TrimPrefix(key, "."), ".")
		if !ok {
			return nil, nil
		}
		key = "." + parent
	}
	return nil, nil
}

// refresh reads a pair that has changed. What cannot be read changes nothing,
// and is said once: a renewal that is half done is not worth a word, so that is
// when the files have stayed as they are till the next look.
func (k *keyring) refresh(p *pair) {
	now := k.now()
	if !now.Before(p.until) {
		p.retired = nil
	}
	if !p.looked.IsZero() && now.Sub(p.looked) < lookEvery && now.After(p.looked) {
		return
	}
	p.looked = now
	if p.self != nil {
		p.self.renew(now)
	}
	stamps := stampsOf(p.files)
	again := slices.Equal(stamps, p.failed)
	if p.chains != nil && p.failed == nil && slices.Equal(stamps, p.stamps) || again && p.told {
		k.mind(p, now)
		return
	}
	chains, err := readPEM(p.files)
	if err != nil {
		if p.acme && errors.Is(err, fs.ErrNotExist) {
			return
		}
		p.failed, p.told = stamps, again || p.chains == nil
		if p.chains == nil {
			p.err = err
		}
		if p.told {
			k.log.Warn("certificate not usable: %v%s", err, kept(p))
		}
		return
	}
	if p.spare && p.chains == nil {
		k.log.Warn("%s, which vouches for itself, is used while the certificate that is configured is not there", p.files[0])
	}
	k.replace(p, chains, now)
	p.stamps, p.failed, p.told, p.err = stamps, nil, false, nil
	k.mind(p, now)
}

func kept(p *pair) string {
	if p.chains == nil {
		return ""
	}
	return "; the one from before is used on"
}

// replace takes new chains into use.
func (k *keyring) replace(p *pair, chains []*chain, now time.Time) {
	if equal(p.chains, chains) {
		return
	}
	if p.chains != nil {
		p.retired, p.until = p.chains, now.Add(retire)
		k.log.Info("certificate of %s was renewed, good until %s, fingerprint=%s", p.files[0], chains[0].leaf.NotAfter.Format(time.DateOnly),
			tlswords.Colons(tlswords.Fingerprint("sha256", chains[0].leaf.Raw)))
	}
	p.chains, p.warnedAt = chains, time.Time{}
	k.revision++
}

// mind says, once a day, that a certificate ends or is not good yet.
func (k *keyring) mind(p *pair, now time.Time) {
	if !p.warnedAt.IsZero() && now.Sub(p.warnedAt) < 24*time.Hour {
		return
	}
	for _, c := range p.chains {
		if w := lifetime(c, now); w != "" {
			p.warnedAt = now
			k.log.Warn("certificate of %s (%s) %s", p.files[0], maillog.Clean(c.name()), w)
		}
	}
}

// name is what a certificate is for.
func (c *chain) name() string {
	if n := c.leaf.Subject.CommonName; n != "" || len(c.leaf.DNSNames) == 0 {
		return n
	}
	return c.leaf.DNSNames[0]
}

// lifetime says what is wrong with the time that a certificate is good for.
func lifetime(c *chain, now time.Time) string {
	left := c.leaf.NotAfter.Sub(now)
	days := int(left / (24 * time.Hour))
	switch {
	case left < 0:
		return fmt.Sprintf("has expired %d days ago: renew it", -days)
	case days < warnDays && left < c.leaf.NotAfter.Sub(c.leaf.NotBefore)/4: // some live for days only
		return fmt.Sprintf("expires in %d days: renew it", days)
	case now.Before(c.leaf.NotBefore):
		return "is not good before " + c.leaf.NotBefore.Format(time.DateOnly)
	}
	return ""
}

// find returns the chain with a key.
func (k *keyring) find(set, name string, id []byte) (*chain, error) {
	group, err := k.sourcesOf(set, name)
	if err != nil {
		return nil, err
	}
	chains, _, err := k.getFrom(set, group)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range k.pairsOf(group) {
		// Those that serve until an authority's are there sign on, too.
		chains = append(append(chains, p.chains...), p.retired...)
	}
	for _, c := range chains {
		if string(c.id[:]) == string(id) {
			return c, nil
		}
	}
	return nil, errors.New("no such key in this set")
}

func stampsOf(files []string) []stamp {
	stamps := make([]stamp, len(files))
	for i, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			stamps[i].missing = true
			continue
		}
		stamps[i].size = info.Size()
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			stamps[i].ino, stamps[i].dev, stamps[i].mtime, stamps[i].ctime = s.Ino, uint64(s.Dev), s.Mtim, s.Ctim
		}
	}
	return stamps
}
