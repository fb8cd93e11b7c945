package s3

import (
	"context"
	"fmt"
	"slices"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/cors"
	"github.com/minio/minio-go/v7/pkg/lifecycle"

	"github.com/ism-chat/ism/services/media/objects"
)

// ruleID names what is ours in the bucket's configuration. What others have put there stays.
const ruleID = "ism-media"

// CORSRule is the rule that pages of the origins need: to upload by a form or in parts, and to download. The ETag of a part is for those that
// complete an upload by what they were answered.
func CORSRule(origins []string) cors.Rule {
	return cors.Rule{
		ID: ruleID, AllowedOrigin: origins, AllowedMethod: []string{"GET", "HEAD", "POST", "PUT"}, AllowedHeader: []string{"*"},
		ExposeHeader: []string{"ETag", "Content-Length", "Content-Range", "Content-Disposition"}, MaxAgeSeconds: 3600,
	}
}

// allowOrigins gives the bucket its CORS rule, where it has not the same already.
func (s *Store) allowOrigins(ctx context.Context) (err error) {
	defer s.metrics.Observe("set_cors")(&err)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	has, err := s.inside.GetBucketCors(ctx, s.cfg.Bucket)
	if err != nil {
		return explained("read the bucket's CORS rules", err)
	}
	wanted := CORSRule(s.cfg.CORSOrigins)
	rules := []cors.Rule{wanted}
	if has != nil {
		if slices.ContainsFunc(has.CORSRules, func(rule cors.Rule) bool { return sameRule(rule, wanted) }) {
			return nil
		}
		others := slices.DeleteFunc(slices.Clone(has.CORSRules), func(rule cors.Rule) bool { return rule.ID == ruleID })
		rules = append(rules, others...)
	}
	return explained("set the bucket's CORS rule", s.inside.SetBucketCors(ctx, s.cfg.Bucket, cors.NewConfig(rules)))
}

func sameRule(a, b cors.Rule) bool {
	return a.ID == b.ID && a.MaxAgeSeconds == b.MaxAgeSeconds && slices.Equal(a.AllowedOrigin, b.AllowedOrigin) && slices.Equal(a.AllowedMethod, b.AllowedMethod) &&
		slices.Equal(a.AllowedHeader, b.AllowedHeader) && slices.Equal(a.ExposeHeader, b.ExposeHeader)
}

// expireUploads gives the bucket its lifecycle rule, where it has none that deletes unfinished uploads.
func (s *Store) expireUploads(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	has, err := s.lifecycle(ctx)
	if err != nil || expires(has) {
		return err
	}
	has.Rules = slices.DeleteFunc(has.Rules, func(rule lifecycle.Rule) bool { return rule.ID == ruleID })
	has.Rules = append(has.Rules, lifecycle.Rule{
		ID: ruleID, Status: "Enabled",
		AbortIncompleteMultipartUpload: lifecycle.AbortIncompleteMultipartUpload{DaysAfterInitiation: lifecycle.ExpirationDays(objects.UnfinishedLifetime.Hours() / 24)},
	})
	if err := s.inside.SetBucketLifecycle(ctx, s.cfg.Bucket, has); err != nil {
		return explained("set the bucket's lifecycle rule", err)
	}
	return nil
}

// lifecycle is the bucket's configuration, one without rules where it has none.
func (s *Store) lifecycle(ctx context.Context) (*lifecycle.Configuration, error) {
	has, err := s.inside.GetBucketLifecycle(ctx, s.cfg.Bucket)
	if minio.ToErrorResponse(err).Code == "NoSuchLifecycleConfiguration" {
		return lifecycle.NewConfiguration(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the bucket's lifecycle rules: %w", err)
	}
	return has, nil
}

// expires reports whether the rules delete every unfinished upload in time.
func expires(has *lifecycle.Configuration) bool {
	return slices.ContainsFunc(has.Rules, func(rule lifecycle.Rule) bool {
		days := rule.AbortIncompleteMultipartUpload.DaysAfterInitiation
		return rule.Status == "Enabled" && rule.Prefix == "" && rule.RuleFilter.IsNull() && days > 0 && float64(days) <= objects.UnfinishedLifetime.Hours()/24
	})
}
