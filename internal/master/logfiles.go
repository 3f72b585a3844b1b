package master

import (
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"yubin/internal/config"
	"yubin/internal/ipc"
	"yubin/internal/maillog"
)

// logFiles are the files of the log, for the services; nil is none.
type logFiles struct{ text, json *os.File }

// openLog opens master's own log, and the files of the services.
func openLog(c *config.Config) (*logFiles, *maillog.Logger, error) {
	files, err := openLogFiles(c)
	if err != nil {
		return nil, nil, err
	}
	own, err := files.copy()
	if err != nil {
		return nil, nil, err
	}
	log, err := maillog.Open(maillog.Options{
		Tag: ownTag(c), Facility: config.SyslogFacility.Of(c),
		File: own.text, JSON: own.json, Journal: journal(c),
	})
	return files, log, err
}

func ownTag(c *config.Config) string { return path.Join(config.SyslogName.Of(c), "master") }

// nameLog has master's lines, and those about sessions, be called what c says.
func (m *master) nameLog(c *config.Config) {
	m.log, m.logins = m.log.Tagged(ownTag(c)), m.log.Bare(config.LoginSyslogName.Of(c))
	m.parent.log = m.log
	if err := m.log.SetFacility(config.SyslogFacility.Of(c)); err != nil {
		m.log.Warn("%v; the earlier one stays", err)
	}
}

func openLogFiles(c *config.Config) (*logFiles, error) {
	text, err := openLogFile(config.MaillogFile.Of(c))
	if err != nil {
		return nil, err
	}
	json, err := openLogFile(config.MaillogJSONFile.Of(c))
	if err != nil {
		(&logFiles{text: text}).close()
		return nil, err
	}
	return &logFiles{text, json}, nil
}

// openLogFile opens a file of the log; without a name the result is nil.
// /dev/stdout, for containers, is the descriptor that we have: opening it again
// fails when it is a socket.
func openLogFile(name string) (*os.File, error) {
	switch name {
	case "":
		return nil, nil
	case "/dev/stdout":
		return duplicate(os.Stdout)
	}
	return os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
}

func duplicate(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// copy is the same files, to be closed by another.
func (l *logFiles) copy() (*logFiles, error) {
	c := new(logFiles)
	var err error
	if l.text != nil {
		if c.text, err = duplicate(l.text); err != nil {
			return nil, err
		}
	}
	if l.json != nil {
		if c.json, err = duplicate(l.json); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

func (l *logFiles) close() {
	for _, f := range []*os.File{l.text, l.json} {
		if f != nil {
			f.Close()
		}
	}
}

// named are the files that there are, with their names at start and in
// ipc.StatusLog.
func (l *logFiles) named() (files []*os.File, names, words []string) {
	if l.text != nil {
		files, names, words = append(files, l.text), append(names, ipc.LogName), append(words, ipc.StatusLogText)
	}
	if l.json != nil {
		files, names, words = append(files, l.json), append(names, ipc.LogJSONName), append(words, ipc.StatusLogJSON)
	}
	return files, names, words
}

// journal is the socket of systemd's journal if it has our standard error or
// output, which systemd says by the numbers of device and file (systemd.exec(5),
// JOURNAL_STREAM): the variable alone may come from further up.
func journal(c *config.Config) string {
	stream := os.Getenv("JOURNAL_STREAM")
	for _, f := range []*os.File{os.Stderr, os.Stdout} {
		var st unix.Stat_t
		if stream != "" && unix.Fstat(int(f.Fd()), &st) == nil && stream == fmt.Sprintf("%d:%d", st.Dev, st.Ino) {
			return config.MaillogJournalSocket.Of(c)
		}
	}
	return ""
}
