package config

import "strings"

// blanks are what separates fields and words in both files.
const blanks = " \t\r\n\v\f"

// A line is a logical line: a line that begins with text, and the lines after
// it that begin with a blank.
type line struct {
	number int // of its first physical line, from 1
	text   string
}

// logicalLines splits the text of a configuration file. Empty lines and lines
// whose first word begins with # vanish, and do not end the logical line that
// they stand in. It reports what it has to drop.
func logicalLines(file, text string) ([]line, []Problem) {
	var lines []line
	var problems []Problem
	for number := 1; text != ""; number++ {
		var physical string
		physical, text, _ = strings.Cut(text, "\n")
		if i := strings.IndexByte(physical, 0); i >= 0 {
			physical = physical[:i]
			problems = append(problems, Problem{File: file, Line: number,
				What: "NUL byte, the rest of the line is ignored", Mend: "remove it"})
		}
		trimmed := strings.Trim(physical, blanks)
		switch {
		case trimmed == "" || trimmed[0] == '#':
		case strings.IndexByte(blanks, physical[0]) < 0:
			lines = append(lines, line{number, trimmed})
		case len(lines) == 0:
			problems = append(problems, Problem{File: file, Line: number,
				What: "logical line must not start with white space, ignored", Mend: "remove the white space"})
		default:
			last := &lines[len(lines)-1]
			last.text += " " + trimmed
		}
	}
	return lines, problems
}
