/** What somebody who opens a conversation can ask; Slack shows four at most. The same as in the app's manifest. */
export const SUGGESTED_PROMPTS = {
  title: 'What shall I do?',
  prompts: [
    { title: 'What can you do?', message: 'What can you do?' },
    { title: 'What waits for me?', message: 'Which approvals wait for me?' },
    { title: 'What did I ask?', message: 'Which of my requests are under way?' },
    { title: 'Work something out', message: 'What is 19% of 1240?' },
  ],
};
