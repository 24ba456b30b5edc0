/** What a question's choices are called: letters, so that "2" is always a picture. */
export const LETTERS = 'ABCDEF';
