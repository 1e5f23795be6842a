package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
)

const (
	defaultLimit = 50
	// maxAll bounds what --all lists.
	maxAll = 100_000
)

// pageFlags are the flags of a list.
type pageFlags struct {
	limit  int
	all    bool
	cursor string

	// page is the most rows that the server answers at once; 0 means
	// [client.MaxPage].
	page int
	// keep, when not nil, says which rows are wanted.
	keep func(row any) bool
}

func (p *pageFlags) register(cmd *cobra.Command, what string) {
	cmd.Flags().IntVarP(&p.limit, "limit", "n", defaultLimit, "the most "+what+" to list")
	cmd.Flags().BoolVar(&p.all, "all", false, "list all "+what)
	cmd.Flags().StringVar(&p.cursor, "cursor", "", "go on from next_cursor of an earlier -o json")
	cmd.MarkFlagsMutuallyExclusive("all", "limit")
}

// wanted is how many rows to list.
func (p *pageFlags) wanted() (int, error) {
	switch {
	case p.limit < 1 || p.limit > maxAll:
		return 0, usagef("--limit takes 1 to %d", maxAll)
	case p.all:
		return maxAll, nil
	default:
		return p.limit, nil
	}
}

// gather reads pages until there are as many rows as wanted. next goes on
// behind them; it is empty at the end.
func gather[T any](
	ctx context.Context, a *app, p *pageFlags, read func(context.Context, client.Page) (rows []T, next string, err error),
) (all []T, next string, err error) {
	left, err := p.wanted()
	if err != nil {
		return nil, "", err
	}
	most := p.page
	if most == 0 {
		most = client.MaxPage
	}
	all = []T{}
	for next = p.cursor; ; {
		asked := client.Page{Limit: min(left, most), Cursor: next}
		rows, after, err := readPage(ctx, a, asked, read)
		if err != nil {
			return nil, "", err
		}
		for _, row := range rows {
			if p.keep == nil || p.keep(row) {
				all = append(all, row)
				left--
			}
		}
		if next = after; next == "" || left <= 0 {
			break
		}
	}
	if p.all && next != "" {
		return nil, "", fmt.Errorf("there are more than %d; narrow the list", maxAll)
	}
	return all, next, nil
}

// page writes a table for a person, who is told when next says that the list
// goes on.
func (a *app) page(t table, next string) error {
	if err := t.write(a.out, a.width, a.colour()); err != nil {
		return err
	}
	if next != "" {
		a.note("\nThere are more: --all, or --limit %d.", 4*len(t.rows))
	}
	return nil
}

// readPage reads one page and distrusts it.
func readPage[T any](
	ctx context.Context, a *app, asked client.Page, read func(context.Context, client.Page) ([]T, string, error),
) ([]T, string, error) {
	ctx, cancel := a.within(ctx)
	defer cancel()
	rows, next, err := read(ctx, asked)
	switch {
	case err != nil:
		return nil, "", err
	case len(rows) > asked.Limit:
		return nil, "", fmt.Errorf("the server listed %d rows where %d were asked for", len(rows), asked.Limit)
	case next != "" && (next == asked.Cursor || len(rows) == 0):
		return nil, "", errors.New("the server's pages do not end")
	default:
		return rows, next, nil
	}
}
