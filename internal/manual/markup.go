package main

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The markup of a page's text, which is also the form of a long help:
//
//	values: WORD…     in the first line: further words that stand for a value
//	# NAME            a section
//	## Name           a subsection
//	{part}            a part of the help, see command.insert
//	text              a paragraph, which a blank line ends
//	  term   text     two blanks: an entry of a list; its text can also begin in the next line
//	    text          four blanks: more text of the entry; after a blank line, a further paragraph
//	```               before and after lines that stay as they are
//
// In a paragraph, `word` is bold and *word* is italic. These need no mark: options, names of
// programs of util, constants and variables with an underscore, name(1) (bold); values and paths
// (italic).

// page is a page that is being written.
type page struct {
	bytes.Buffer
	name     string   // of the applet
	values   []string // words that stand for a value
	programs []string // names that are bold
	fresh    bool     // nothing has been written since the heading
}

// format makes a page of its text.
func (cmd *command) format(text, version, date string) ([]byte, error) {
	p := &page{name: cmd.name, values: cmd.values(), programs: []string{"util", "util-init"}}
	if cmd.name != initName { // this is also an ordinary word
		p.programs = append(p.programs, cmd.name)
	}
	if first, rest, _ := strings.Cut(text, "\n"); strings.HasPrefix(first, "values: ") {
		p.values = append(p.values, strings.Fields(first)[1:]...)
		text = rest
	}
	fmt.Fprintf(p, ".\\\" Made by internal/manual of util: change its text there.\n")
	p.WriteString(".nr HY 0\n") // words are not broken: they may be names
	fmt.Fprintf(p, ".TH %s 1 %s \"util %s\" \"User Commands\"\n",
		escapeCode(strings.ToUpper(cmd.page)), date, escapeCode(version))
	p.WriteString(".if n .ad l\n") // on a terminal, lines are not filled with blanks
	fmt.Fprintf(p, ".SH NAME\n%s \\- %s\n", escapeCode(cmd.page), escape(cmd.short))
	p.synopsis(cmd.synopsis)
	var err error
	text = regexpPart.ReplaceAllStringFunc(text, func(braces string) string {
		part, wrong := cmd.insert(strings.Trim(braces, "{}"))
		err = errors.Join(err, wrong)
		return strings.TrimSuffix(part, "\n")
	})
	if err != nil {
		return nil, err
	}
	p.blocks(strings.Split(strings.TrimSuffix(text, "\n"), "\n"))
	return p.Bytes(), nil
}

// regexpPart is what stands for a part of the help.
var regexpPart = regexp.MustCompile(`\{[a-z ]+\}`)

// regexpWord is a word of a synopsis or a value.
var regexpWord = regexp.MustCompile(`[A-Za-z0-9-]+`)

// synopsis writes the section. In capitals, and for the words below, a word stands for a value.
func (p *page) synopsis(lines string) {
	p.WriteString(".SH SYNOPSIS\n")
	for i, line := range strings.Split(lines, "\n") {
		if i > 0 {
			p.WriteString(".br\n")
		}
		text := regexpWord.ReplaceAllStringFunc(escape(line), func(word string) string {
			if word == strings.ToUpper(word) && word[0] != '-' ||
				slices.Contains([]string{"option", "command", "argument"}, word) {
				return font('I', escapeCode(word))
			}
			return font('B', escapeCode(word))
		})
		fmt.Fprintln(p, text)
	}
}

// blocks writes lines of markup.
func (p *page) blocks(lines []string) {
	for len(lines) > 0 {
		line := lines[0]
		n := 1 // the lines of this block
		switch {
		case line == "":
		case strings.HasPrefix(line, "#"):
			p.heading(line)
		case line == "```":
			n = slices.Index(lines[1:], "```") + 2
			p.literal(lines[1 : n-1])
		case strings.HasPrefix(line, "    "):
			n = countLines(lines, func(l string) bool { return strings.HasPrefix(l, "    ") })
			p.WriteString(".IP\n")
			p.text(lines[:n])
		case strings.HasPrefix(line, "  "):
			n += countLines(lines[1:], func(l string) bool { return strings.HasPrefix(l, "    ") })
			p.entry(line, lines[1:n])
		default:
			n = countLines(lines, func(l string) bool {
				return l != "" && l != "```" && !strings.HasPrefix(l, "#") && !strings.HasPrefix(l, "  ")
			})
			p.paragraph(lines[:n])
		}
		lines = lines[n:]
	}
}

// countLines counts the first lines that are part of a block.
func countLines(lines []string, part func(string) bool) int {
	for i, l := range lines {
		if !part(l) {
			return i
		}
	}
	return len(lines)
}

func (p *page) heading(line string) {
	macro := ".SH "
	if strings.HasPrefix(line, "##") {
		macro = ".SS "
	}
	fmt.Fprintln(p, macro+escape(strings.TrimLeft(line, "# ")))
	p.fresh = true
}

func (p *page) paragraph(lines []string) {
	if !p.fresh {
		p.WriteString(".PP\n")
	}
	p.text(lines)
}

// literal writes lines as they are, indented.
func (p *page) literal(lines []string) {
	if !p.fresh {
		p.WriteString(".PP\n")
	}
	p.WriteString(".in +4n\n.EX\n")
	for _, line := range lines {
		fmt.Fprintln(p, protect(escapeCode(line)))
	}
	p.WriteString(".EE\n.in\n")
	p.fresh = false
}

// entry writes an entry of a list.
func (p *page) entry(line string, more []string) {
	term, text, _ := strings.Cut(strings.TrimSpace(line), "  ")
	p.WriteString(".TP\n")
	if strings.ContainsAny(term, "`*") {
		fmt.Fprintln(p, strings.Join(p.words(term), " "))
	} else {
		var words []string
		for word := range strings.FieldsSeq(term) {
			words = append(words, p.termWord(word))
		}
		fmt.Fprintln(p, strings.Join(words, " "))
	}
	p.text([]string{p.sentence(strings.Join(append([]string{text}, more...), " "))})
}

// sentence makes a sentence of a text of the help, which may be a part of one.
func (p *page) sentence(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if first, _, _ := strings.Cut(text, " "); first != p.name {
		text = upperFirst(text)
	}
	if !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, ":") {
		text += "."
	}
	return text
}

// regexpPlain is a word of prose in a term.
var regexpPlain = regexp.MustCompile(`^[a-z]+,?$`)

// termWord formats a word of a term without marks: values are italic, other words are bold.
func (p *page) termWord(word string) string {
	if regexpPlain.MatchString(word) {
		return word
	}
	core := strings.TrimSuffix(word, ",")
	return p.literalWord(core) + word[len(core):]
}

// text writes prose, with each sentence in lines of its own.
func (p *page) text(lines []string) {
	const most = 78
	line := ""
	flush := func() {
		if line != "" {
			fmt.Fprintln(p, protect(line))
		}
		line = ""
	}
	for _, word := range p.words(strings.Join(lines, " ")) {
		if line != "" && len(line)+len(" ")+len(word) > most {
			if strings.HasSuffix(strings.TrimRight(line, "])"), ".") {
				line += `\&` // not the end of a sentence
			}
			flush()
		}
		if line != "" {
			line += " "
		}
		line += word
		if sentenceEnds(word) {
			flush()
		}
	}
	flush()
	p.fresh = false
}

func sentenceEnds(word string) bool {
	word = strings.TrimRight(word, `)`)
	word = strings.TrimSuffix(word, `\(dq`)
	word = strings.TrimSuffix(word, `\fR`)
	return strings.HasSuffix(word, ".") && !strings.HasSuffix(word, "...")
}

// regexpMarked is a marked part of a text; what follows up to a blank belongs to its word.
var regexpMarked = regexp.MustCompile("`[^`]+`|\\*[^*]+\\*")

// words formats prose and returns its words. A word with a marked part may have blanks in it.
func (p *page) words(text string) (all []string) {
	glue := false // the next piece belongs to the last word
	add := func(piece string) {
		if glue {
			all[len(all)-1] += piece
		} else {
			all = append(all, piece)
		}
		glue = true
	}
	plain := func(text string) {
		for i, word := range strings.Split(text, " ") {
			if i > 0 {
				glue = false
			}
			if word != "" {
				add(p.word(word))
			}
		}
	}
	for text != "" {
		at := regexpMarked.FindStringIndex(text)
		if at == nil {
			plain(text)
			break
		}
		plain(text[:at[0]])
		switch inner := text[at[0]+1 : at[1]-1]; {
		case text[at[0]] == '*':
			add(font('I', escapeCode(inner)))
		case slices.Contains(p.values, inner):
			add(font('B', escapeCode(inner)))
		default:
			add(p.literalWord(inner))
		}
		text = text[at[1]:]
	}
	return all
}

var (
	regexpReference = regexp.MustCompile(`^([a-z_][a-z0-9_.-]*)(\([1-8]\))$`)
	regexpConstant  = regexp.MustCompile(`^[A-Z][A-Z0-9]*_[A-Z0-9_]+$`)
	regexpOption    = regexp.MustCompile(`^(--|--?[A-Za-z0-9][A-Za-z0-9-]*)$`)
	regexpCore      = regexp.MustCompile(`^([("]*)(.*?(?:\([1-8]\))?)((?:'s)?[).,;:"]*)$`)
)

// word formats a word of prose without marks.
func (p *page) word(word string) string {
	m := regexpCore.FindStringSubmatch(word)
	before, core, after := escape(m[1]), m[2], escape(m[3])
	if reference := regexpReference.FindStringSubmatch(core); reference != nil {
		return before + font('B', escapeCode(reference[1])) + reference[2] + after
	}
	switch {
	case slices.Contains(p.programs, core), regexpConstant.MatchString(core):
		core = font('B', escapeCode(core))
	case strings.HasPrefix(core, "/") && len(core) > 1:
		core = font('I', escapeCode(core))
	case regexpOption.MatchString(core), len(p.findValues(core)) > 0:
		core = p.literalWord(core)
	default:
		core = escape(core)
	}
	return before + core + after
}

// regexpRun is a part of a word that can be a value.
var regexpRun = regexp.MustCompile(`[A-Z]+|[a-z0-9]+`)

// findValues returns where the values in a word are.
func (p *page) findValues(word string) (all [][]int) {
	for _, at := range regexpRun.FindAllStringIndex(word, -1) {
		if slices.Contains(p.values, word[at[0]:at[1]]) {
			all = append(all, at)
		}
	}
	return all
}

// literalWord formats what a user types. Values are italic. In a word that has some, brackets and
// dots mean what they mean in a synopsis.
func (p *page) literalWord(word string) string {
	values := p.findValues(word)
	if len(values) == 0 {
		return font('B', escapeCode(word))
	}
	var b strings.Builder
	done := 0
	for _, at := range values {
		b.WriteString(bold(word[done:at[0]]))
		b.WriteString(font('I', escapeCode(word[at[0]:at[1]])))
		done = at[1]
	}
	b.WriteString(bold(word[done:]))
	return b.String()
}

// regexpLiteral is what is literal in a synopsis.
var regexpLiteral = regexp.MustCompile(`[^][|… ]+`)

func bold(text string) string {
	var b strings.Builder
	done := 0
	for _, at := range regexpLiteral.FindAllStringIndex(text, -1) {
		b.WriteString(escape(text[done:at[0]]) + font('B', escapeCode(text[at[0]:at[1]])))
		done = at[1]
	}
	return b.String() + escape(text[done:])
}

func font(letter byte, escaped string) string { return `\f` + string(letter) + escaped + `\fR` }

var (
	inProse = strings.NewReplacer(`\`, `\e`, `"`, `\(dq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`,
		"…", "...")
	// A hyphen, and a quotation mark, that a user can copy.
	inCode = strings.NewReplacer(`-`, `\-`, `'`, `\(aq`)
)

func escape(text string) string { return inProse.Replace(text) }

func escapeCode(text string) string { return inCode.Replace(inProse.Replace(text)) }

// protect keeps a line of text from being a request.
func protect(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + line
	}
	return line
}
