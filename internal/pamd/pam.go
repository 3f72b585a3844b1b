//go:build pam && cgo

package pamd

/*
#cgo LDFLAGS: -lpam
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <security/pam_appl.h>

struct secret { const char *user, *password; };

// converse answers what modules ask: the password to what is not shown on a
// terminal, the name to what is. What they tell goes nowhere.
static int converse(int n, const struct pam_message **m, struct pam_response **out, void *data) {
	const struct secret *s = data;
	struct pam_response *r;
	int i;

	if (n <= 0 || n > PAM_MAX_NUM_MSG || !(r = calloc(n, sizeof *r)))
		return PAM_CONV_ERR;
	for (i = 0; i < n; i++) {
		const char *say = NULL;
		switch (m[i]->msg_style) {
		case PAM_PROMPT_ECHO_OFF: say = s->password; break;
		case PAM_PROMPT_ECHO_ON: say = s->user; break;
		case PAM_ERROR_MSG: case PAM_TEXT_INFO: continue;
		}
		if (!say || !(r[i].resp = strdup(say)))
			goto fail;
	}
	*out = r;
	return PAM_SUCCESS;
fail:
	for (i = 0; i < n; i++)
		if (r[i].resp) {
			explicit_bzero(r[i].resp, strlen(r[i].resp));
			free(r[i].resp);
		}
	free(r);
	return PAM_CONV_ERR;
}

// no_delay keeps modules from waiting after a wrong password: authd does that,
// where it holds up nobody else.
static void no_delay(int status, unsigned int usec, void *data) {}

// check runs the phases auth and account. *account tells which of them spoke.
static int check(const char *service, const char *user, const char *password, const char *client,
                 int *account, char *name, size_t size) {
	struct secret s = { user, password };
	struct pam_conv conv = { converse, &s };
	const void *item = NULL;
	pam_handle_t *h = NULL;
	int rc;

	*account = 0;
	*name = 0;
	if ((rc = pam_start(service, user, &conv, &h)) != PAM_SUCCESS)
		return rc;
	if (*client)
		rc = pam_set_item(h, PAM_RHOST, client);
	if (rc == PAM_SUCCESS)
		rc = pam_set_item(h, PAM_TTY, "dovecot");
	if (rc == PAM_SUCCESS)
		rc = pam_set_item(h, PAM_RUSER, user);
	if (rc == PAM_SUCCESS)
		rc = pam_set_item(h, PAM_FAIL_DELAY, (const void *)no_delay);
	if (rc == PAM_SUCCESS)
		rc = pam_authenticate(h, PAM_DISALLOW_NULL_AUTHTOK);
	if (rc == PAM_SUCCESS) {
		*account = 1;
		rc = pam_acct_mgmt(h, PAM_DISALLOW_NULL_AUTHTOK);
	}
	if (rc == PAM_SUCCESS && (rc = pam_get_item(h, PAM_USER, &item)) == PAM_SUCCESS) {
		if (!item || strlen(item) >= size)
			rc = PAM_BUF_ERR;
		else
			strcpy(name, item);
	}
	pam_end(h, rc);
	return rc;
}

// crash_plainly takes back what Go's runtime does with signals of a crash: its
// report has the registers, and those may have a piece of a password.
static void crash_plainly(void) {
	static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP };
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		signal(signals[i], SIG_DFL);
}

static void wipe(char *s) {
	explicit_bzero(s, strlen(s));
	free(s);
}
*/
import "C"

import (
	"fmt"
	"unsafe"

	"yubin/internal/ipc"
)

// libraries are PAM (this file) and the name services (nss.go).
type libraries struct{}

func (libraries) prepare() { C.crash_plainly() }

func (libraries) check(q *ipc.PAMRequest) ipc.PAMReply {
	if err := findService(q.Service); err != nil {
		return ipc.PAMReply{Result: ipc.PAMTempFail, Error: err.Error()}
	}
	service, user, client := C.CString(q.Service), C.CString(q.User), C.CString(q.Client)
	defer C.free(unsafe.Pointer(service))
	defer C.free(unsafe.Pointer(user))
	defer C.free(unsafe.Pointer(client))
	password := (*C.char)(C.calloc(C.size_t(len(q.Password)+1), 1))
	defer C.wipe(password)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(password)), len(q.Password)), q.Password)

	var name [maxUser + 1]C.char
	var account C.int
	rc := C.check(service, user, password, client, &account, &name[0], C.size_t(len(name)))
	a := ipc.PAMReply{Result: resultOf(rc, account != 0)}
	switch a.Result {
	case ipc.PAMOK:
		a.User = C.GoString(&name[0])
	case ipc.PAMTempFail:
		a.Error = fmt.Sprintf("PAM service %s: %s", q.Service, C.GoString(C.pam_strerror(nil, rc)))
	}
	return a
}

// resultOf tells what a return value of PAM means. What is not one of these
// says nothing of the user: a module that is missing, a server that is down.
func resultOf(rc C.int, account bool) string {
	switch rc {
	case C.PAM_SUCCESS:
		return ipc.PAMOK
	case C.PAM_USER_UNKNOWN:
		return ipc.PAMUnknown
	case C.PAM_ACCT_EXPIRED, C.PAM_NEW_AUTHTOK_REQD, C.PAM_AUTHTOK_EXPIRED, C.PAM_CRED_EXPIRED:
		return ipc.PAMExpired
	case C.PAM_AUTH_ERR, C.PAM_PERM_DENIED, C.PAM_MAXTRIES, C.PAM_CRED_INSUFFICIENT:
		// The password was right when the account is refused: pam_nologin,
		// pam_access, pam_time.
		if account {
			return ipc.PAMDisabled
		}
		return ipc.PAMMismatch
	}
	return ipc.PAMTempFail
}
