// Reads a log with Go's own code for checksum databases: golang.org/x/mod/sumdb/note and .../tlog.
//
//	reader VKEY URL [OLDER-CHECKPOINT…]
//
// It opens the checkpoint below URL, proves every entry to be in the tree, and that the trees of the older checkpoints
// are prefixes of it. It prints "ORIGIN SIZE", or says on standard error what does not hold and ends with 1.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8
const width = 1 << height

var errMissing = errors.New("not found")

type served struct{ url string }

func (log served) get(path string) ([]byte, error) {
	answer, err := http.Get(log.url + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == 404 {
		return nil, errMissing
	}
	if answer.StatusCode != 200 {
		return nil, fmt.Errorf("%s: %s", path, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

// getTile gets a file that may be partial, or the full one where the partial one is gone.
func (log served) getTile(path string) ([]byte, error) {
	data, err := log.get(path)
	if whole, _, partial := strings.Cut(path, ".p/"); err == errMissing && partial {
		return log.get(whole)
	}
	return data, err
}

func (log served) Height() int { return height }

func (log served) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

func (log served) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := log.getTile(strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
		if err != nil {
			return nil, err
		}
		if len(data) < tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s is cut short", tile.Path())
		}
		all = append(all, data[:tile.W*tlog.HashSize])
	}
	return all, nil
}

func (log served) readBundle(number int64, many int) ([][]byte, error) {
	path := strings.Replace(tlog.Tile{H: height, L: 0, N: number, W: many}.Path(), "tile/8/0/", "tile/entries/", 1)
	data, err := log.getTile(path)
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(entries) < many {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("%s is cut short", path)
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		entries, data = append(entries, data[2:end]), data[end:]
	}
	return entries, nil
}

func open(signed []byte, verifier note.Verifier) (tree tlog.Tree, err error) {
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tree, fmt.Errorf("the checkpoint is not three lines, or not of %s", verifier.Name())
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tree, fmt.Errorf("the root is %q", lines[2])
	}
	copy(tree.Hash[:], root)
	return tree, nil
}

func checkEntries(log served, tree tlog.Tree, hashes tlog.HashReader) error {
	for start := int64(0); start < tree.N; start += width {
		many := width
		if tree.N-start < width {
			many = int(tree.N - start)
		}
		entries, err := log.readBundle(start/width, many)
		if err != nil {
			return err
		}
		for i, entry := range entries {
			index := start + int64(i)
			proof, err := tlog.ProveRecord(tree.N, index, hashes)
			if err != nil {
				return err
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)); err != nil {
				return fmt.Errorf("entry %d: %w", index, err)
			}
		}
	}
	return nil
}

func run(vkey, url string, olders []string) error {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	log := served{url}
	signed, err := log.get("checkpoint")
	if err != nil {
		return err
	}
	tree, err := open(signed, verifier)
	if err != nil {
		return err
	}
	hashes := tlog.TileHashReader(tree, log)
	if err := checkEntries(log, tree, hashes); err != nil {
		return err
	}
	for _, path := range olders {
		signed, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		older, err := open(signed, verifier)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(tree.N, older.N, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, older.N, older.Hash); err != nil {
			return fmt.Errorf("the tree of %d: %w", older.N, err)
		}
	}
	fmt.Printf("%s %d\n", verifier.Name(), tree.N)
	return nil
}

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
