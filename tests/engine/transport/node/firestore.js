// Google's Firestore, emulated on grpc-js: node firestore.js PORT
const { FirestoreServer } = require('@firestore-emulator/server');
const port = Number(process.argv[2]);
new FirestoreServer().start(port).then(() => console.log(port));
process.stdin.on('end', () => process.exit(0)).resume();
