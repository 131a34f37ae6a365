import { createConsumer, createProducer } from '../src/kafkajs-client.ts'
import { describeConformance } from './conformance.ts'

describeConformance('kafkajs', { createProducer, createConsumer })
