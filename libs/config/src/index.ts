export { ConfigError, describeConfig, loadConfig, plainConfig, redactUrl, type Config } from './config.js';
