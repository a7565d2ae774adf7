export { connect, createPool, sessionConfig, type Connection, type ConnectionPool, type PoolOptions, type SessionOptions } from './pool.js';
export { isConnectionError, isTransient, SQLSTATE, sqlState } from './sqlstate.js';
export { inTransaction, withConnection } from './transaction.js';
export { checkServer, ServerCheckError } from './server-check.js';
