package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
)

// completionTime is how long a shell may wait for IDs: longer feels stuck.
const completionTime = 300 * time.Millisecond

// completeIDs offers the shell the IDs that ls would list first.
func (a *app) completeIDs(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	c, err := a.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
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
