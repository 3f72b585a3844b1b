// Package thread finds which messages belong together (RFC 5256, 3, and
// THREAD=REFS), and what SORT and THREAD make of subjects, dates and message IDs. It
// works on values and knows no mailbox.
//
//	subject.go     base subjects (RFC 5256, 2.1)
//	date.go        sent dates (RFC 5256, 2.2)
//	ids.go         message IDs
//	references.go  REFERENCES and REFS: linking
//	gather.go      REFERENCES: subjects
//	ordered.go     ORDEREDSUBJECT
//	format.go      the answer
package thread
