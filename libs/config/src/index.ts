export { ConfigError, describeConfig, loadConfig, plainConfig, redactUrl, type Config } from './config.js';
export { holdsSecret, redactSecrets } from './redact.js';
