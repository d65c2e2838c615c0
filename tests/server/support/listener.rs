//! What a participant hears, whatever it is made of: deliveries, and in the end a status.

use super::pb;
use chittychat::wire::pb::{MessageType, NoticeCode};
use tonic::{Code, Status};

/// The next thing on a response stream.
#[derive(Debug)]
pub enum Heard {
    /// A delivery.
    Message(Box<pb::Message>),
    /// The end of the stream; `Code::Ok` if it ended well.
    End(Status),
}

/// One end of a stream that can be listened to.
pub trait Listener {
    /// Waits for whatever comes next.
    async fn heard(&mut self) -> Heard;

    /// The name to complain under.
    fn name(&self) -> &str;

    /// The next delivery. Fails if the stream ends instead.
    async fn delivery(&mut self) -> pb::Message {
        match self.heard().await {
            Heard::Message(message) => *message,
            Heard::End(status) => panic!("{} was to hear something: {status:?}", self.name()),
        }
    }

    /// The end of the stream. Fails if there is another delivery before it.
    async fn end(&mut self) -> Status {
        match self.heard().await {
            Heard::End(status) => status,
            Heard::Message(message) => {
                panic!("{}'s stream was to end: {message:?}", self.name())
            }
        }
    }

    /// Expects a text from somebody, next.
    async fn hears(&mut self, author: &str, text: &str) -> pb::Message {
        let message = self.delivery().await;
        let by = message.client_reference.as_ref().map(|who| who.client_name.as_str());
        let heard = (message.r#type(), by, message.text.as_str());
        assert_eq!(heard, (MessageType::Publish, Some(author), text), "heard by {}", self.name());
        message
    }

    /// Expects a notice with this code and these words in its text, next.
    async fn notice(&mut self, code: NoticeCode, words: &str) -> pb::Message {
        let message = self.delivery().await;
        assert_eq!(
            (message.r#type(), message.notice_code()),
            (MessageType::Notice, code),
            "{message:?}"
        );
        assert!(message.text.contains(words), "the notice was to say {words:?}: {message:?}");
        assert!(message.client_reference.is_some(), "the original's client needs one: {message:?}");
        message
    }

    /// Expects the stream to end, next, with this code and these words in its text.
    async fn ended_with(&mut self, code: Code, words: &str) {
        let status = self.end().await;
        assert_eq!(status.code(), code, "{status:?}");
        assert!(status.message().contains(words), "the status was to say {words:?}: {status:?}");
    }

    /// Expects a notice and then the end, both with these words.
    async fn refused(&mut self, notice: NoticeCode, code: Code, words: &str) {
        self.notice(notice, words).await;
        self.ended_with(code, words).await;
    }
}
