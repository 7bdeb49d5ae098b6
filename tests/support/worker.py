"""What a test has going on beside itself."""

import threading


class Worker(threading.Thread):
    """Works until it is told to end, by `self.ending`; what went wrong is raised in the test then."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ending = threading.Event()
        self.problem = None

    def work(self):
        raise NotImplementedError

    def run(self):
        try:
            self.work()
        except Exception as problem:
            self.problem = problem

    def end(self):
        self.ending.set()
        self.join(30)
        if self.problem:
            raise self.problem
