// A server on grpc-js that serves its reflection by @grpc/reflection: node reflection.js
const path = require('path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const { ReflectionService } = require('@grpc/reflection');

const options = { keepCase: true, longs: String, enums: String, oneofs: true };
const definition = loader.loadSync(path.join(__dirname, 'zoo.proto'), options);
const { zoo } = grpc.loadPackageDefinition(definition);

const pet = (id) => ({
  pet_id: id,
  kind: 'KIND_DOG',
  note: '',
  toys: { ball: { label: 'b' } },
  meadow: { name: 'm' },
  tattoo: '9007199254740993',
  born: { seconds: '1700000000', nanos: 5000000 },
  nick: { value: 'n' },
  weight: '18446744073709551615',
  marks: [-1, 0, 1],
  photo: Buffer.from([0, 255]),
  parent: { pet_id: `${id}'s parent` },
});

const server = new grpc.Server();
server.addService(zoo.v1.Zoo.service, {
  GetPet(call, answer) {
    if (!call.request.pet_id) answer({ code: grpc.status.INVALID_ARGUMENT, details: 'no pet_id' });
    else answer(null, pet(call.request.pet_id));
  },
  WatchPets(call) {
    for (const n of [1, 2]) call.write(pet(`${call.request.pet_id}${n}`));
    call.end();
  },
  FeedPets(call, answer) {
    let count = 0;
    call.on('data', () => count++);
    call.on('end', () => answer(null, { count }));
  },
  ChatPets(call) {
    call.on('data', (request) => call.write(pet(request.pet_id)));
    call.on('end', () => call.end());
  },
});
new ReflectionService(definition).addToServer(server);
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  console.log(error ? String(error) : port);
});
process.stdin.on('end', () => process.exit(0)).resume();
