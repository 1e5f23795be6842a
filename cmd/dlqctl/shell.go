package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
)

// completeIDs offers the shell the IDs that ls would list first.
func (a *app) completeIDs(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	c, err := a.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), a.patience)
	defer cancel()
	list, err := c.DLQ(ctx, client.Filter{States: needing()}, client.Page{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var ids []string
	for _, j := range list.Data {
		ids = append(ids, string(j.ID)+"\t"+clean(string(j.State)+" "+why(j)+" "+j.Schema))
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
