package main

import (
	"cmp"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages into a directory",
		Long: `Man writes a page for each command into DIR, which it makes if there is none. The directory where man
looks for those of programs that no package brought is /usr/local/share/man/man1. The pages bear the date that
SOURCE_DATE_EPOCH has, or today's.`,
		Example: "  atommq man /usr/local/share/man/man1",
		Args:    justOne("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			date, err := manDate(os.Getenv("SOURCE_DATE_EPOCH"))
			if err != nil {
				return err
			}
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			return writeManPages(cmd.Root(), args[0], date)
		},
	}
}

// manDate returns a page's date. The seconds since 1970 in epoch, when there are any, have two
// builds write the same pages (https://reproducible-builds.org/specs/source-date-epoch/).
func manDate(epoch string) (time.Time, error) {
	if epoch == "" {
		return time.Now(), nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return time.Time{}, misusef("SOURCE_DATE_EPOCH=%q: want seconds since 1970", epoch)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// writeManPages writes those of cmd and of the commands below it.
func writeManPages(cmd *cobra.Command, dir string, date time.Time) error {
	if err := os.WriteFile(filepath.Join(dir, manName(cmd)+".1"), manPage(cmd, date), 0o644); err != nil {
		return err
	}
	for _, sub := range manSubcommands(cmd) {
		if err := writeManPages(sub, dir, date); err != nil {
			return err
		}
	}
	return nil
}

// manName returns what a command's page is called: atommq-feeds-set.
func manName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

func manSubcommands(cmd *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" { // which cobra adds, and --help is
			all = append(all, sub)
		}
	}
	return all
}

// manPage writes a command's page in the macros of man(7). cobra's own writer of pages goes by
// Markdown, which our help is not, and knows neither the variables of settings nor what an option's
// value is called.
func manPage(cmd *cobra.Command, date time.Time) []byte {
	p := new(roff)
	p.line(`.TH %s 1 %s "AtomMQ %s" "AtomMQ"
.nh
.ad l`, strings.ToUpper(manName(cmd)), date.Format(time.DateOnly), version)
	p.section("NAME")
	p.line(`%s \- %s`, roffText(manName(cmd)), roffText(cmd.Short))
	p.section("SYNOPSIS")
	path := cmd.CommandPath()
	for use := range strings.SplitSeq(cmd.UseLine(), " | "+cmd.Name()+" ") { // where there are two ways to call it
		arguments := strings.TrimSpace(strings.TrimPrefix(use, path))
		p.line("\\fB%s\\fR %s\n.br", roffText(path), strings.ReplaceAll(roffText(arguments), "|", `|\:`)) // lines may break there
	}
	p.section("DESCRIPTION")
	p.text(cmp.Or(cmd.Long, cmd.Short+"."))
	p.commands(cmd)
	p.options(cmd)
	p.environment(cmd)
	if cmd.HasParent() { // the first page tells it otherwise
		p.section("EXIT STATUS")
		p.text("0 done, 1 failed, 2 used wrongly.")
	}
	if cmd.Example != "" {
		p.section("EXAMPLES")
		p.literal(strings.Split(cmd.Example, "\n"))
	}
	p.seeAlso(cmd)
	return []byte(p.String())
}

// commands lists the commands below cmd.
func (p *roff) commands(cmd *cobra.Command) {
	if subs := manSubcommands(cmd); len(subs) > 0 {
		p.section("COMMANDS")
		for _, sub := range subs {
			p.item(`\fB` + roffText(manName(sub)) + `\fR(1)`)
			p.text(sub.Short + ".")
		}
	}
}

// options lists cmd's flags, those that all commands have last.
func (p *roff) options(cmd *cobra.Command) {
	p.section("OPTIONS")
	cmd.InitDefaultHelpFlag()
	for _, flags := range []*pflag.FlagSet{cmd.NonInheritedFlags(), cmd.InheritedFlags()} {
		flags.VisitAll(func(f *pflag.Flag) {
			if f.Hidden {
				return
			}
			name, usage := pflag.UnquoteUsage(f)
			head := `\fB` + roffText("--"+f.Name) + `\fR`
			if f.Shorthand != "" {
				head = `\fB` + roffText("-"+f.Shorthand) + `\fR, ` + head
			}
			if name != "" {
				head += ` \fI` + roffText(name) + `\fR`
			}
			p.item(head)
			if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "[]" {
				usage += " (default " + f.DefValue + ")"
			}
			p.text(usage + ".")
		})
	}
}

// environment lists the variables of cmd's settings, but not of a flag that is merely called like one.
func (p *roff) environment(cmd *cobra.Command) {
	p.section("ENVIRONMENT")
	p.text("A variable counts where its option is not given, and so does a line NAME=value with it in the file that --config names, where the variable is empty.")
	settings := append(settingsTable(), setting{name: "config"})
	for _, s := range settings {
		if f := cmd.Flag(s.name); f != nil && strings.Contains(f.Usage, "("+s.variable()+")") {
			p.item(`\fB` + roffText(s.variable()) + `\fR`)
			p.text("as --" + s.name)
		}
	}
}

// seeAlso names the pages around cmd's.
func (p *roff) seeAlso(cmd *cobra.Command) {
	var pages []string
	if cmd.HasParent() {
		pages = append(pages, `\fB`+roffText(manName(cmd.Parent()))+`\fR(1)`)
		for _, other := range manSubcommands(cmd.Parent()) {
			if other != cmd && cmd.Parent().HasParent() {
				pages = append(pages, `\fB`+roffText(manName(other))+`\fR(1)`)
			}
		}
	}
	for _, sub := range manSubcommands(cmd) {
		pages = append(pages, `\fB`+roffText(manName(sub))+`\fR(1)`)
	}
	p.section("SEE ALSO")
	p.line("%s", strings.Join(pages, ",\n"))
}
