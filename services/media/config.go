package media

// Config is the service's own configuration: there is none yet.
type Config struct{}
