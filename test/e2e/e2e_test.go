// Package e2e plays the main job through the front door, against each way in which the messenger is run.
package e2e

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/ism-chat/ism/test/attacks"
	"github.com/ism-chat/ism/test/deployment"
	"github.com/ism-chat/ism/test/scanner"
)

func TestOneProcess(t *testing.T) {
	t.Parallel()
	topic, by, signer := deployment.NewBackendsTopic(t), scanner.Clamd(t), attacks.NewSigner(t)
	d := deployment.OneProcess(t, topic.Settings(), deployment.ReceiversHere(), webPushes(), by.Settings(), signer.Settings())
	suite(t, d, ofProcesses(topic, by, signer)...)
}

func TestFiveProcesses(t *testing.T) {
	t.Parallel()
	topic, pushes, by, signer := deployment.NewBackendsTopic(t), deployment.NewPushTopic(t), scanner.Webhook(t), attacks.NewSigner(t)
	page := deployment.Settings{"ISM_HTTP_CORS_ORIGINS": pageOrigin, "ISM_OIDC_LOGOUT_CLIENTS": "ism-demo"}
	d := deployment.FiveProcesses(t, page, topic.Settings(), deployment.ReceiversHere(), webPushes(), pushes.Settings(), by.Settings(), signer.Settings())
	handedOff := scenario{"who has no stream is handed off", func(t *testing.T, d *deployment.Deployment) { userWithoutAStreamIsHandedOff(t, d, pushes) }}
	suite(t, d, append([]scenario{handedOff, {"the issuer signs users out", issuerSignsUsersOut}}, ofProcesses(topic, by, signer)...)...)
}

// scenario is something that a messenger must do.
type scenario struct {
	name string
	test func(t *testing.T, d *deployment.Deployment)
}

// ofProcesses are the scenarios of a messenger that reaches receivers and issuers of this machine, and whose processes the test has started. What is restarted comes last.
func ofProcesses(topic *deployment.BackendsTopic, by *scanner.Scanner, signer *attacks.Signer) []scenario {
	return []scenario{
		{"attacks by who can sign fail", signer.Run},
		{"a backend gets webhooks", backendGetsWebhooks},
		{"who has no stream gets a push", userWithoutAStreamGetsAPush},
		{"a record of a backend's topic tells a user something", func(t *testing.T, d *deployment.Deployment) { recordTellsAUser(t, d, topic) }},
		{"a scanner stands between an upload and who downloads it", func(t *testing.T, d *deployment.Deployment) { scannerStandsBetween(t, d, by) }},
		{"inboxes outlive a restart of everything", func(t *testing.T, d *deployment.Deployment) { inboxOutlivesARestart(t, d, topic) }},
	}
}

// suite is all that a messenger must do, however it is run, and what it must do as this one is run.
func suite(t *testing.T, d *deployment.Deployment, more ...scenario) {
	var erasure uuid.UUID
	t.Run("a deleted user's messages are erased", func(t *testing.T) { erasure = userIsErased(t, d) })
	for _, c := range slices.Concat([]scenario{
		{"it greets", greets},
		{"two users chat", twoUsersChat},
		{"a group chats", groupChats},
		{"messages of every type", messagesOfEveryType},
		{"a named message is sent once", namedMessageIsSentOnce},
		{"messages are edited and deleted", messagesAreRevised},
		{"users become friends", usersBecomeFriends},
		{"members come and go", membersComeAndGo},
		{"who reads is told how much is unread, others how far", readingIsTold},
		{"a Group is renamed", groupIsRenamed},
		{"a backend ends a room", backendEndsARoom},
		{"a backend gives a room a retention of its own", roomHasItsOwnRetention},
		{"a backend tells users something", backendTellsUsers},
		{"inboxes keep what happened", inboxesKeepWhatHappened},
		{"a webhook tells users something", webhookTellsUsers},
		{"a Single room ends for both", singleRoomEnds},
		{"a picture is uploaded, sent and seen", mediumIsSentAndSeen},
		{"a file is uploaded in parts", mediumIsUploadedInParts},
		{"only who reads a message downloads what it shows", onlyWhoReadsDownloads},
		{"the object store takes what was signed", storeTakesWhatWasSigned},
		{"a named upload is one", namedUploadIsOne},
		{"a medium goes with its message", mediumGoesWithItsMessage},
		{"a room has a picture", roomHasAPicture},
		{"a stream resumes where it broke", streamResumes},
		{"a stream that cannot resume says so", streamResyncs},
		{"a ticket opens a stream", ticketOpensAStream},
		{"polls give what streams give", pollsGiveWhatStreamsGive},
		{"a backend ends a user's streams", backendEndsStreams},
		{"a backend signs a user out", backendSignsAUserOut},
		{"live order is history order", liveOrderIsHistoryOrder},
		{"the timeline is paged without gap or repeat", timelineIsPaged},
		{"outsiders see nothing", outsidersSeeNothing},
		{"routes are for whom they are", routesAreForWhomTheyAre},
		{"only valid tokens are let in", onlyValidTokens},
		{"bad input is refused and writes nothing", badInputIsRefused},
		{"a page may call", pageMayCall},
		{"attacks fail", attacks.Run},
		{"answers carry a trace id", answersCarryTraceID},
		{"a request is one trace up to the stream", requestIsOneTrace},
	}, more) {
		t.Run(c.name, func(t *testing.T) { c.test(t, d) })
	}
	t.Run("the receipt of a deleted user is finished", func(t *testing.T) { receiptIsFinished(t, d, erasure) })
	t.Run("what runs in the background makes no traces", func(t *testing.T) { backgroundMakesNoTraces(t, d) })
	t.Run("nothing was logged at error level", func(t *testing.T) { nothingLoggedAtError(t, d) })
}
