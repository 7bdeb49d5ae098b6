"""What tests share that let every kind of consumer listen to one session."""

from project_test import ProjectTest
from received import PollReader, SseReader, StockReader, TapReader, WsReader
from stock import MAKES, Driver


class ConsumerTest(ProjectTest):
    def reader(self, kind, *more):
        reader = kind(*(more or (self.server.ports, self.session)))
        self.addCleanup(reader.close)
        reader.start()
        reader.await_arrival()
        return reader

    def consumers(self, modes=("polling", "websocket"), kinds=(WsReader, SseReader, PollReader)):
        """Socket.IO's first, which hear from where they joined; then of these kinds, and a tap."""
        driver = Driver(MAKES[0])
        self.addCleanup(driver.end)
        seq = self.info()["seq"]
        stock = [StockReader(driver, mode, self.server.ports, self.session).begins_behind(seq)
                 for mode in modes]
        for consumer in stock:
            self.addCleanup(consumer.close)
            consumer.await_arrival()
        return stock + [self.reader(kind) for kind in kinds] + [
            self.reader(TapReader, self.server, self.session)]
