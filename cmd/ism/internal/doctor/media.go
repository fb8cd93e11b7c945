package doctor

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/minio/minio-go/v7"

	"github.com/ism-chat/ism/services/media/objects"
)

const mediaGroup = "media"

func (d *doctor) mediaChecks() []check {
	return []check{
		{group: mediaGroup, name: "public address", look: func(_ context.Context, n *notes) { d.lookAtPublicName(n) }},
		{group: mediaGroup, name: "bucket", look: d.lookAtBucket},
	}
}

func (d *doctor) mediaUsable(n *notes) bool {
	return d.settings.usable(n, "ISM_MEDIA_S3_", "ISM_MEDIA_S3_ENDPOINT")
}

func (d *doctor) publicStore() string {
	cfg := d.settings.media.Media.S3
	if cfg.PublicURL != "" {
		return cfg.PublicURL
	}
	return cfg.Endpoint
}

// lookAtPublicName judges whether browsers can know the name that presigned addresses carry.
func (d *doctor) lookAtPublicName(n *notes) {
	if !d.mediaUsable(n) {
		return
	}
	at, err := url.Parse(d.publicStore())
	if err != nil {
		n.add(Fault, "ISM_MEDIA_S3_PUBLIC_URL is no URL", "set it to the address at which browsers reach the object store")
		return
	}
	const do = "set ISM_MEDIA_S3_PUBLIC_URL to the address at which browsers reach the object store, through the gateway for example"
	host := at.Hostname()
	ip, notIP := netip.ParseAddr(host)
	switch {
	case d.settings.media.Media.S3.PublicURL == "" && !isLoopback(host):
		n.add(Warning, fmt.Sprintf("there is no ISM_MEDIA_S3_PUBLIC_URL: browsers are sent to the endpoint, %s", at.Host), do)
	case isLoopback(host) && !isLoopback(d.target.Hostname()) && strings.Contains(d.target.Hostname(), "."):
		n.add(Fault, fmt.Sprintf("browsers are sent to %s, which is their own machine", at.Host), do)
	case isLoopback(host):
		n.ok("%s: for browsers on this machine alone", at.Host)
	case notIP != nil && !strings.Contains(host, "."), strings.HasSuffix(host, ".internal"), strings.HasSuffix(host, ".local"), strings.HasSuffix(host, ".svc"):
		n.add(Fault, fmt.Sprintf("%s is an inside host name, which browsers do not know", host), do)
	case notIP == nil && ip.IsPrivate():
		n.add(Warning, fmt.Sprintf("%s is a private address: only for browsers in its network", host), do)
	default:
		n.ok("%s", at.Host)
	}
}

// lookAtBucket writes an object, reads it as services and as browsers do, and takes it away again.
func (d *doctor) lookAtBucket(ctx context.Context, n *notes) {
	if !d.mediaUsable(n) {
		return
	}
	cfg := d.settings.media.Media.S3
	store, err := objects.Client(cfg, cfg.Endpoint)
	if err != nil {
		n.add(Fault, explain(err), "correct ISM_MEDIA_S3_ENDPOINT")
		return
	}
	exists, err := store.BucketExists(ctx, cfg.Bucket)
	switch {
	case err != nil:
		n.add(Fault, fmt.Sprintf("%s: %s", cfg.Endpoint, explainS3(err)), adviceForS3(err))
		return
	case !exists && cfg.CreateBucket:
		n.add(Fault, "there is no bucket "+cfg.Bucket, "start media, which makes it, and look at its log; or correct ISM_MEDIA_S3_BUCKET")
		return
	case !exists:
		n.add(Fault, "there is no bucket "+cfg.Bucket+", and ISM_MEDIA_S3_CREATE_BUCKET is false", "make it, or correct ISM_MEDIA_S3_BUCKET")
		return
	}
	name, content := "ism-doctor-"+uuid.NewString(), "written by ism doctor; delete it"
	if _, err := store.PutObject(ctx, cfg.Bucket, name, strings.NewReader(content), int64(len(content)), minio.PutObjectOptions{ContentType: "text/plain"}); err != nil {
		n.add(Fault, "the bucket is there, but cannot be written: "+explainS3(err), "give the key of ISM_MEDIA_S3_ACCESS_KEY the rights PutObject, GetObject and DeleteObject")
		return
	}
	d.lookAtPresigned(ctx, n, cfg, name, content)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit) // also where the time was up
	defer cancel()
	if err := store.RemoveObject(ctx, cfg.Bucket, name, minio.RemoveObjectOptions{}); err != nil {
		n.add(Warning, fmt.Sprintf("%s was written and cannot be taken away: %s", name, explainS3(err)), "give the key the right DeleteObject, and delete it")
		return
	}
	n.ok("%s is written and read", cfg.Bucket)
}

// lookAtPresigned fetches an object as a browser would, by an address that is signed.
func (d *doctor) lookAtPresigned(ctx context.Context, n *notes, cfg objects.Config, name, content string) {
	const checkName = "presigned address"
	outside, err := objects.Client(cfg, d.publicStore())
	if err != nil {
		n.addAs(checkName, Fault, explain(err), "correct ISM_MEDIA_S3_PUBLIC_URL")
		return
	}
	address, err := outside.PresignedGetObject(ctx, cfg.Bucket, name, time.Minute, nil)
	if err != nil {
		n.addAs(checkName, Fault, "no address can be signed: "+explainS3(err), "correct ISM_MEDIA_S3_REGION and the keys")
		return
	}
	where := address.Scheme + "://" + address.Host // the rest is signed
	got, err := ask(ctx, d.public, address.String(), "")
	switch {
	case err != nil:
		n.addAs(checkName, Fault, fmt.Sprintf("an object is not reached at %s: %s", where, explain(err)), "see that ISM_MEDIA_S3_PUBLIC_URL is reached from outside, and that the gateway passes the bucket's path on to the object store")
	case got.status == http.StatusForbidden:
		n.addAs(checkName, Fault, fmt.Sprintf("%s refuses the signature", where), "the gateway must pass on Host as the browser sent it, with its port, and the path unchanged: both are signed; or correct ISM_MEDIA_S3_REGION")
	case got.status != http.StatusOK || got.body != content:
		n.addAs(checkName, Fault, fmt.Sprintf("%s does not give the object: %s", where, got.looks()), "see that the gateway passes the path /"+cfg.Bucket+"/ on to the object store")
	default:
		through := ""
		if d.throughTarget(address.Hostname()) {
			through = ", through " + d.target.Host
		}
		n.addAs(checkName, OK, "an object is fetched from "+where+through, "")
	}
}

func explainS3(err error) string {
	if answer := minio.ToErrorResponse(err); answer.Code != "" {
		return strings.TrimSpace(answer.Code + ": " + answer.Message)
	}
	return explain(err)
}

func adviceForS3(err error) string {
	switch minio.ToErrorResponse(err).Code {
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "Forbidden", "403 Forbidden":
		return "correct ISM_MEDIA_S3_ACCESS_KEY, ISM_MEDIA_S3_SECRET_KEY and ISM_MEDIA_S3_REGION, and see whether clocks agree"
	default:
		return "start the object store, or correct ISM_MEDIA_S3_ENDPOINT"
	}
}
