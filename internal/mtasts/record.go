package mtasts

import "strings"

// recordID returns the id of the record among the texts of _mta-sts.DOMAIN.
// RFC 8461, 3.1: texts that do not begin with "v=STSv1;" are passed over; of the
// rest there must be one, and it must be well-formed.
func recordID(texts []string) (id string, ok bool) {
	record := ""
	for _, t := range texts {
		if !strings.HasPrefix(t, "v=STSv1;") {
			continue
		}
		if record != "" {
			return "", false
		}
		record = t
	}
	if record == "" {
		return "", false
	}
	for _, field := range strings.Split(record, ";")[1:] {
		name, value, _ := strings.Cut(strings.Trim(field, " \t"), "=")
		if name == "id" && id == "" {
			id = value
		}
	}
	return id, validID(id)
}

// validID: 1 to 32 letters and digits.
func validID(id string) bool {
	for i := 0; i < len(id); i++ {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return id != "" && len(id) <= 32
}
