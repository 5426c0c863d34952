// N members of hashicorp/memberlist with its LAN defaults, real sockets on 127.0.0.1, in one process: the cases of
// bench/large_cluster.cpp, printed as JSON. Started by bench/peers.py.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/ioutil"
	"log"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

// What leaves by UDP, of all members.
var packets, bytesOut uint64

type counted struct{ *memberlist.NetTransport }

func (t *counted) WriteTo(b []byte, addr string) (time.Time, error) {
	atomic.AddUint64(&packets, 1)
	atomic.AddUint64(&bytesOut, uint64(len(b)))
	return t.NetTransport.WriteTo(b, addr)
}
func (t *counted) WriteToAddress(b []byte, addr memberlist.Address) (time.Time, error) {
	atomic.AddUint64(&packets, 1)
	atomic.AddUint64(&bytesOut, uint64(len(b)))
	return t.NetTransport.WriteToAddress(b, addr)
}

type member struct {
	list    *memberlist.Memberlist
	queue   *memberlist.TransmitLimitedQueue
	heard   int32
	infos   int32
	lock    sync.Mutex
	meta    []byte
	victims map[string]bool // that it holds for dead
	wrong   int32
}

func (m *member) NodeMeta(limit int) []byte {
	m.lock.Lock()
	defer m.lock.Unlock()
	return m.meta
}
func (m *member) NotifyMsg(b []byte) {
	if atomic.CompareAndSwapInt32(&m.heard, 0, 1) {
		m.queue.QueueBroadcast(&news{append([]byte(nil), b...)})
	}
}
func (m *member) GetBroadcasts(overhead, limit int) [][]byte {
	return m.queue.GetBroadcasts(overhead, limit)
}
func (m *member) LocalState(join bool) []byte            { return nil }
func (m *member) MergeRemoteState(buf []byte, join bool) {}
func (m *member) NotifyJoin(n *memberlist.Node)          {}
func (m *member) NotifyUpdate(n *memberlist.Node)        { atomic.StoreInt32(&m.infos, 1) }
func (m *member) NotifyLeave(n *memberlist.Node) {
	m.lock.Lock()
	m.victims[n.Name] = true
	m.lock.Unlock()
}

type news struct{ b []byte }

func (n *news) Invalidates(memberlist.Broadcast) bool { return false }
func (n *news) Message() []byte                       { return n.b }
func (n *news) Finished()                             {}

func cpu() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Sec+usage.Stime.Sec) + float64(usage.Utime.Usec+usage.Stime.Usec)/1e6
}

func wait(limit time.Duration, done func() bool) interface{} {
	begun := time.Now()
	for !done() {
		if time.Since(begun) > limit {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(begun).Seconds()
}

func main() {
	nodes := flag.Int("nodes", 100, "members")
	idle := flag.Int("idle", 30, "seconds")
	kill := flag.Int("kill", 3, "members that end without a word")
	limit := flag.Int("limit", 120, "seconds for each case")
	port := flag.Int("port", 26000, "of the first member")
	flag.Parse()
	quiet := log.New(ioutil.Discard, "", 0)
	if os.Getenv("VERBOSE") != "" {
		quiet = log.New(os.Stderr, "", 0)
	}
	members := make([]*member, *nodes)
	for i := range members {
		m := &member{victims: map[string]bool{}, meta: []byte("port=7000 tls=0 bus=17000")}
		config := memberlist.DefaultLANConfig()
		config.Name = "n" + strconv.Itoa(i)
		config.BindAddr, config.BindPort = "127.0.0.1", *port+i
		config.AdvertiseAddr, config.AdvertisePort = "127.0.0.1", *port+i
		config.Delegate, config.Events, config.Logger = m, m, quiet
		transport, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
			BindAddrs: []string{"127.0.0.1"}, BindPort: *port + i, Logger: quiet})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		config.Transport = &counted{transport}
		m.queue = &memberlist.TransmitLimitedQueue{NumNodes: func() int { return *nodes }, RetransmitMult: config.RetransmitMult}
		if m.list, err = memberlist.Create(config); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		members[i] = m
	}
	most := time.Duration(*limit) * time.Second
	result := map[string]interface{}{"bench": "memberlist", "nodes": *nodes, "idle_s": *idle, "killed": *kill}
	before := cpu()
	begun := time.Now()
	var joins sync.WaitGroup
	for i := 1; i < *nodes; i++ {
		joins.Add(1)
		go func(i int) {
			defer joins.Done()
			for try := 0; try < 20; try++ {
				if _, err := members[i].list.Join([]string{"127.0.0.1:" + strconv.Itoa(*port)}); err == nil {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
		}(i)
		time.Sleep(2 * time.Millisecond)
	}
	joins.Wait()
	formed := wait(most, func() bool {
		for _, m := range members {
			if m.list.NumMembers() != *nodes {
				return false
			}
		}
		return true
	})
	result["form_s"] = nil
	if formed != nil {
		result["form_s"] = time.Since(begun).Seconds()
	}
	result["form_cpu_s"] = cpu() - before
	time.Sleep(8 * time.Second)

	packetsBefore, bytesBefore, cpuBefore := atomic.LoadUint64(&packets), atomic.LoadUint64(&bytesOut), cpu()
	begun = time.Now()
	time.Sleep(time.Duration(*idle) * time.Second)
	length := time.Since(begun).Seconds() * float64(*nodes)
	result["idle_packets_per_node_s"] = float64(atomic.LoadUint64(&packets)-packetsBefore) / length
	result["idle_bytes_per_node_s"] = float64(atomic.LoadUint64(&bytesOut)-bytesBefore) / length
	result["idle_cpu_s_per_node_minute"] = (cpu() - cpuBefore) / length * 60

	atomic.StoreInt32(&members[0].heard, 1)
	members[0].queue.QueueBroadcast(&news{make([]byte, 100)})
	result["broadcast_last_s"] = wait(most, func() bool {
		for _, m := range members {
			if atomic.LoadInt32(&m.heard) == 0 {
				return false
			}
		}
		return true
	})
	for _, m := range members {
		atomic.StoreInt32(&m.infos, 0)
	}
	writer := *nodes / 2
	members[writer].lock.Lock()
	members[writer].meta = []byte("port=7000 tls=0 bus=17000 host=node.example.net")
	members[writer].lock.Unlock()
	go members[writer].list.UpdateNode(most)
	result["metadata_last_s"] = wait(most, func() bool {
		for i, m := range members {
			if i != writer && atomic.LoadInt32(&m.infos) == 0 {
				return false
			}
		}
		return true
	})
	mistakes := 0
	for _, m := range members {
		m.lock.Lock()
		mistakes += len(m.victims)
		m.lock.Unlock()
	}
	for i := 1; i <= *kill; i++ {
		go members[i].list.Shutdown()
	}
	result["death_last_s"] = wait(most, func() bool {
		for i, m := range members {
			if i >= 1 && i <= *kill {
				continue
			}
			m.lock.Lock()
			known := 0
			for k := 1; k <= *kill; k++ {
				if m.victims["n"+strconv.Itoa(k)] {
					known++
				}
			}
			m.lock.Unlock()
			if known != *kill {
				return false
			}
		}
		return true
	})
	result["false_deaths_before_the_kill"] = mistakes
	text, _ := json.Marshal(result)
	fmt.Println(string(text))
}
