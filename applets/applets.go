package applets

import (
	"fmt"
	"github.com/spf13/cobra"
	_ "util/applets/init/pid1"
)

func Main(a []string) int {
	c := &cobra.Command{Use: "util", RunE: func(*cobra.Command, []string) error { fmt.Println("runtime"); return nil }}
	c.SetArgs(a[1:])
	if c.Execute() != nil {
		return 2
	}
	return 0
}
