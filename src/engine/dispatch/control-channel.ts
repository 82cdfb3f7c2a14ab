/**
 * Channel that notifies the owner of an execution, in whichever process it is, of a changed desired state or a new answer
 * to an approval. The payload is the execution's id. A statement that stores such a request notifies in the same commit.
 */
export const CONTROL_CHANNEL = 'cloutagent_control';
