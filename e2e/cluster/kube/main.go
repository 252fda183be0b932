// Command kube is one binary that holds a Kubernetes control plane, a node and cluster DNS; its own name selects which.
// One binary because the parts share almost all of their code: 149 MB and one link step instead of eight times that.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"
	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// commands are the parts that are started as a cobra command; etcd and CoreDNS have main functions of their own.
var commands = map[string]func() *cobra.Command{
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllermanager.NewControllerManagerCommand,
	"kube-proxy":              proxy.NewProxyCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubectl":                 kubectl.NewDefaultKubectlCommand,
	"kubelet":                 func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
}

func main() {
	name := filepath.Base(os.Args[0])
	switch name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "coredns":
		caddy.Quiet = true
		// The order in which a query passes the plugins. The template comes last: it answers what nobody knew. There is no
		// cache, so that a test's change of the hosts file counts at once.
		dnsserver.Directives = []string{"ready", "log", "errors", "hosts", "kubernetes", "template"}
		coremain.Run()
	default:
		command, known := commands[name]
		if !known {
			fmt.Fprintf(os.Stderr, "kube: %q is no component; call it by one of their names\n", name)
			os.Exit(2)
		}
		os.Exit(cli.Run(command()))
	}
}
