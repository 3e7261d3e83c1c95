// Kubelet is the node agent of Kubernetes, which the tests of package kubernetes run.
//
// It is a module of its own, so that util's module does not depend on Kubernetes. Its replacements
// are those of k8s.io/kubernetes, which names no versions of its own parts.
package main

import (
	"context"
	"os"

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register" // the format of its log that the tests read
	"k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	os.Exit(cli.Run(app.NewKubeletCommand(context.Background())))
}
