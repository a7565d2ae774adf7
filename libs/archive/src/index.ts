export { archivePartition, isIntact, type Archived, type ArchiveTerms } from './archive-partition.js';
export { ArchiveDamaged, type Manifest } from './manifest.js';
export { restoreArchive, type RestoredArchive, type RestoreTerms } from './restore-archive.js';
