package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// completion answers the words that a shell offers.
type completion = func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective)

// offering asks the server for words, with no more patience than a shell has.
func (a *app) offering(ask func(ctx context.Context, c *client.Client) ([]string, error)) completion {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		c, err := a.client()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), a.patience)
		defer cancel()
		words, err := ask(ctx, c)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeIDs offers the newest jobs in the states.
func (a *app) completeIDs(states ...jobs.State) completion {
	return a.offering(func(ctx context.Context, c *client.Client) ([]string, error) {
		list, err := listOf(c, states)(ctx, client.Filter{States: states}, client.Page{})
		var ids []string
		for _, j := range list.Data {
			ids = append(ids, string(j.ID)+"\t"+clean(string(j.State)+" "+why(j)+" "+j.Schema))
		}
		return ids, err
	})
}

// listOf is the list that holds jobs in the states.
func listOf(c *client.Client, states []jobs.State) func(context.Context, client.Filter, client.Page) (client.JobList, error) {
	for _, s := range states {
		if !slices.Contains(needing(), s) {
			return c.Jobs
		}
	}
	return c.DLQ
}

// completeTenants offers the names of tenants.
func (a *app) completeTenants(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.offering(func(ctx context.Context, c *client.Client) ([]string, error) {
		list, err := c.Tenants(ctx, client.Page{Limit: client.MaxPage})
		var names []string
		for _, t := range list.Data {
			names = append(names, t.Name)
		}
		return names, err
	})(cmd, args, typed)
}

// completeOperations offers the newest operations.
func (a *app) completeOperations(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.offering(func(ctx context.Context, c *client.Client) ([]string, error) {
		list, err := c.Operations(ctx, "", client.Page{})
		var ids []string
		for _, op := range list.Data {
			ids = append(ids, string(op.ID)+"\t"+clean(string(op.State)+" "+countsText(op)))
		}
		return ids, err
	})(cmd, args, typed)
}

// completeClasses offers the error classes that there are.
func (a *app) completeClasses(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.fromGroups(func(g client.Group) string { return string(g.Class) })(cmd, args, typed)
}

// completeProviders offers the providers of failures that there are.
func (a *app) completeProviders(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	return a.fromGroups(func(g client.Group) string { return g.Provider })(cmd, args, typed)
}

// fromGroups offers a word of each group of dead letters, each word once.
func (a *app) fromGroups(word func(client.Group) string) completion {
	return a.offering(func(ctx context.Context, c *client.Client) ([]string, error) {
		list, err := c.Groups(ctx, client.Filter{States: []jobs.State{jobs.Failed, jobs.Expired}})
		var words []string
		for _, g := range list.Data {
			if w := clean(word(g)); w != "" && !slices.Contains(words, w) {
				words = append(words, w)
			}
		}
		return words, err
	})
}
